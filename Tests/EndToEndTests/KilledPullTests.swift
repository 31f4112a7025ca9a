import Foundation
import Testing

/// F1 and F3 with the real binary, which needs no model.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: RunningServer.binary), "script/test builds the binary"))
struct KilledPullTests {
    @Test func `F1 and F3 - pulls that are killed go on where they were, and hold no lock any more`() throws {
        let seed = ProcessInfo.processInfo.environment["HYBRIE_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...(.max))
        print("killed pulls: HYBRIE_SEED=\(seed)")
        var random = SeededGenerator(state: seed)
        let content = (0..<(6 << 20)).map { _ in UInt8.random(in: 0...255, using: &random) }
        // Each pull gets so far and no further, so that it is still running when it is killed.
        let stops = (0..<3).map { _ in Int.random(in: 1...content.count - 1, using: &random) }.sorted()
        let hub = try PullHub(content: content, stops: stops)
        defer { hub.stop() }
        var starts = [0]
        for (round, stop) in stops.enumerated() {
            let kill = Int.random(in: max(1, hub.bytesWaiting)...max(1, stop), using: &random)
            let pull = try hub.startPull()
            try hub.wait("pull \(round) to have \(kill) bytes") {
                guard pull.isRunning else { throw ServerFault(what: "the pull ended: \(hub.log)") }
                return hub.bytesWaiting >= kill && hub.starts.count == round + 1
            }
            if round == 0 {
                let second = try hub.startPull()
                second.waitUntilExit()
                #expect(second.terminationStatus != 0)
                #expect(hub.log.contains("process \(pull.processIdentifier) is bringing in 'tiny'"), "\(hub.log)")
            }
            #expect(Foundation.kill(pull.processIdentifier, SIGKILL) == 0)
            pull.waitUntilExit()
            #expect(hub.published.isEmpty)
            starts.append(hub.bytesWaiting)
        }
        let last = try hub.startPull()
        last.waitUntilExit()
        #expect(last.terminationStatus == 0, "\(hub.log)")
        #expect(hub.starts == starts, "each pull asks for what the one before had not written")
        #expect(hub.published == ["tiny.gguf"])
        let path = "\(hub.home)/models/tiny.gguf"
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(content))
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o444)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(hub.home)/incoming").isEmpty)
    }
}

/// `pull_hub.py` on this machine, and a home that is filled from it.
private final class PullHub {
    let home = NSTemporaryDirectory() + "hybrie-pulls-\(UUID().uuidString)"
    private let process = Process()
    private var port = ""

    init(content: [UInt8], stops: [Int]) throws {
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        let file = "\(home)/content"
        try Data(content).write(to: URL(fileURLWithPath: file))
        for name in ["hub", "log"] { _ = FileManager.default.createFile(atPath: "\(home)/\(name)", contents: nil) }
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["python3", "\(RunningServer.root.path)/Tests/EndToEndTests/pull_hub.py", file] + stops.map(String.init)
        process.standardOutput = FileHandle(forWritingAtPath: "\(home)/hub")
        try process.run()
        try wait("the hub's port") { lines.first != nil }
        port = lines[0]
    }

    func stop() {
        // It inherits which signals this thread blocks: the one that asks politely may never arrive.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: home)
    }

    /// What the hub has printed.
    private var lines: [String] {
        ((try? String(contentsOfFile: "\(home)/hub", encoding: .utf8)) ?? "").split(whereSeparator: \.isNewline).map(
            String.init)
    }
    /// The first byte of each body that was asked for.
    var starts: [Int] { lines.dropFirst().compactMap { Int($0) } }
    /// What the pulls have said.
    var log: String { (try? String(contentsOfFile: "\(home)/log", encoding: .utf8)) ?? "" }
    var published: [String] { (try? FileManager.default.contentsOfDirectory(atPath: "\(home)/models")) ?? [] }
    /// Bytes of the file that are on the disk.
    var bytesWaiting: Int {
        let incoming = "\(home)/incoming"
        let name = FileManager.default.subpaths(atPath: incoming)?.first { $0.hasSuffix(".gguf") } ?? ""
        return (try? FileManager.default.attributesOfItem(atPath: "\(incoming)/\(name)")[.size] as? Int) ?? 0
    }

    func startPull() throws -> Process {
        let pull = Process()
        pull.executableURL = URL(fileURLWithPath: RunningServer.binary)
        pull.arguments = ["pull", "hf://owner/tiny/tiny.gguf"]
        pull.environment = ["HYBRIE_HOME": home, "HF_ENDPOINT": "http://127.0.0.1:\(port)"]
        let log = try FileHandle(forUpdating: URL(fileURLWithPath: "\(home)/log"))
        try log.seekToEnd()
        pull.standardOutput = log
        pull.standardError = log
        try pull.run()
        return pull
    }

    func wait(_ what: String, until isDone: () throws -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        while try !isDone() {
            guard Date() < deadline else { throw ServerFault(what: "waited in vain for \(what): \(log)") }
            usleep(2000)
        }
    }
}
