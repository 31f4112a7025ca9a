import Foundation
import Testing

/// `pull_hub.py` on this machine, and a home that is filled from it.
final class PullHub {
    let home = NSTemporaryDirectory() + "hybrie-pulls-\(UUID().uuidString)"
    private let process = Process()
    private var port = ""
    var endpoint: String { "http://127.0.0.1:\(port)" }

    init(content: [UInt8], stops: [Int] = []) throws {
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
        try RunningServer.start(
            ["pull", "hf://owner/tiny/tiny.gguf"], ["HYBRIE_HOME": home, "HF_ENDPOINT": endpoint], log: "\(home)/log")
    }

    func wait(_ what: String, until isDone: () throws -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        while try !isDone() {
            guard Date() < deadline else { throw ServerFault(what: "waited in vain for \(what): \(log)") }
            usleep(2000)
        }
    }
}
