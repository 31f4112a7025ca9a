import Foundation
import Testing

/// A node of the real binary with a home of its own, reached on loopback.
final class MeshProcess {
    let home = NSTemporaryDirectory() + "hybrie-node-\(UUID().uuidString)"
    let name: String
    private let settings: [String: String]
    private var server: Process?
    private(set) var port = 0
    var base: String { "http://127.0.0.1:\(port)" }
    var log: String { (try? String(contentsOfFile: "\(home)/log", encoding: .utf8)) ?? "" }

    init(_ name: String, _ settings: [String: String] = [:]) throws {
        self.name = name
        self.settings = settings
        try FileManager.default.createDirectory(atPath: "\(home)/models", withIntermediateDirectories: true)
        _ = FileManager.default.createFile(atPath: "\(home)/log", contents: nil)
    }

    deinit {
        // Nobody is left to hear a polite request.
        if let server, server.isRunning { kill(server.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(atPath: home)
    }

    private var environment: [String: String] {
        ProcessInfo.processInfo.environment.merging([
            "HYBRIE_HOME": home, "HYBRIE_MESH": "on", "HYBRIE_MESH_ALLOW": "127.0.0.0/8", "HYBRIE_NODE_NAME": name,
            "HYBRIE_TAILSCALE_SOCKET": "",
        ]) { $1 }.merging(settings) { $1 }
    }

    /// Puts a file into the store as it is.
    func place(_ model: String, _ content: Data) throws {
        try content.write(to: URL(fileURLWithPath: "\(home)/models/\(model).gguf"))
    }

    /// Starts the server, on the port that it had if it had one, and waits until it listens.
    func serve(_ arguments: [String] = []) throws {
        let server = try start(["serve", "--port", "\(port)"] + arguments)
        self.server = server
        let before = log.count
        try wait("the port of \(name)") {
            log.dropFirst(before).contains("address=http://") || port == 0 && log.contains("address=http://")
        }
        guard let address = log.range(of: #"address=http://[0-9.]+:(\d+)"#, options: [.regularExpression, .backwards]),
            let number = Int(log[address].split(separator: ":").last ?? "")
        else { throw ServerFault(what: "no port in the log: \(log)") }
        port = number
    }

    /// Ends the server as nothing can be ended more abruptly.
    func killServer() {
        guard let server else { return }
        kill(server.processIdentifier, SIGKILL)
        server.waitUntilExit()
        self.server = nil
    }

    /// Asks the server to end, and waits until it has.
    /// - Returns: its exit code.
    func endServer() throws -> Int32? {
        guard let server else { return nil }
        kill(server.processIdentifier, SIGTERM)
        try wait("the server to end") { !server.isRunning }
        self.server = nil
        return server.terminationStatus
    }

    /// Starts another command of this home.
    func start(_ arguments: [String]) throws -> Process {
        try RunningServer.start(arguments, environment, log: "\(home)/log")
    }

    /// Runs a command of this home to its end.
    /// - Returns: its exit code.
    func run(_ arguments: [String]) throws -> Int32 {
        let process = try start(arguments)
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Asks the server as curl does.
    /// - Returns: the status and the body.
    func curl(_ path: String, _ arguments: [String] = []) throws -> (status: Int, body: String) {
        let (_, output) = try RunningServer.run(
            ["/usr/bin/env", "curl", "-s", "-m", "20", "-w", "\n%{http_code}", "\(base)\(path)"] + arguments)
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        return (Int(lines.last ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
    }

    func register(_ other: MeshProcess) throws -> (status: Int, body: String) {
        try curl(
            "/v1/peers/register",
            ["-X", "POST", "-H", "Content-Type: application/json", "-d", "{\"node\": \"127.0.0.1:\(other.port)\"}"])
    }

    /// The names of the peers that are online.
    var online: Set<String> {
        guard let body = try? curl("/v1/peers").body,
            let object = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any],
            let peers = object["peers"] as? [[String: Any]]
        else { return [] }
        return Set(peers.filter { $0["status"] as? String == "online" }.compactMap { $0["name"] as? String })
    }

    func wait(_ what: String, until isDone: () throws -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        while try !isDone() {
            guard Date() < deadline else { throw ServerFault(what: "waited in vain for \(what): \(log)") }
            usleep(20_000)
        }
    }
}
