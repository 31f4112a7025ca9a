import Foundation
import Testing

/// Nothing but the egress guard may open a connection to another machine.
@Suite struct EgressTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Names that open connections, or give a way to. `bind` and `listen` aren't among them: they wait for others.
    private static let waysOut = [
        "HTTPClient", "URLSession", "URLRequest", "FoundationNetworking", "ClientBootstrap", "NIOClient", "NIOTS",
        "NIOTransportServices", "DatagramBootstrap", "NIOPipeBootstrap", "NWConnection", "CFStream", "CFSocket",
        "NSURLConnection", "contentsOf: url", "sendto(", "sendmsg(", "connect(", "/dev/tcp", "\"curl\"", "\"wget\"",
    ]

    /// The ways out that `line` names, its comment left out.
    private static func waysOut(in line: String) -> [String] {
        guard !line.drop(while: { $0 == " " }).hasPrefix("//") else { return [] }
        // The trace of a process names these calls in text and opens nothing.
        return waysOut.filter { way in
            guard let range = line.range(of: way) else { return false }
            let before = range.lowerBound == line.startIndex ? " " : line[line.index(before: range.lowerBound)]
            // `disconnect(` is no `connect(`.
            return !(way.first?.isLetter == true && (before.isLetter || before == "_"))
        }
    }

    private static func sources() throws -> [URL] {
        let folder = root.appendingPathComponent("Sources")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        return (files?.compactMap { $0 as? URL } ?? []).filter { ["swift", "c", "h"].contains($0.pathExtension) }
    }

    @Test func `no file but the egress guard's names a way to another machine`() throws {
        let files = try Self.sources()
        try #require(files.count > 100, "the sources aren't where this test looks for them")
        for file in files {
            let name = file.lastPathComponent
            guard !(file.path.contains("/Providers/") && name.hasPrefix("EgressGuard")) else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                let found = Self.waysOut(in: String(line))
                #expect(found.isEmpty, "\(name):\(number + 1) names \(found); only the egress guard may")
            }
        }
    }

    @Test func `the guard asks the policy before it sends`() throws {
        let file = Self.root.appendingPathComponent("Sources/Providers/EgressGuard.swift")
        #expect(try String(contentsOf: file, encoding: .utf8).contains("try check(.download)\n"))
    }

    @Test func `only the room of the guard can see the HTTP client`() throws {
        let package = try String(contentsOf: Self.root.appendingPathComponent("Package.swift"), encoding: .utf8)
        #expect(package.components(separatedBy: ".product(name: \"AsyncHTTPClient\"").count == 2)
    }

    @Test(arguments: [
        "let client = HTTPClient()", "    URLSession.shared.dataTask(with: url)",
        "if connect(socket, address, 16) == 0 {",
        "ClientBootstrap(group: group)",
    ])
    func `a way out would be noticed`(line: String) {
        #expect(!Self.waysOut(in: line).isEmpty)
    }

    @Test(arguments: ["// connect( is the system's own", "peer.disconnect()", "func reconnect() {}"])
    func `what only looks like one isn't`(line: String) {
        #expect(Self.waysOut(in: line).isEmpty)
    }
}
