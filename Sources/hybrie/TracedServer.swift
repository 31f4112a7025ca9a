import Foundation
import Providers

/// This program as a server of its own, under strace where that is installed; else its sockets are looked at over and over.
final class TracedServer: Sendable {
    private let folder: String
    private let process: ChildProcess
    private let hasTracer: Bool
    private let sampler: SocketSampler?
    private let sampling: Task<Void, Never>?

    init(folder: String, arguments: [String]) throws {
        self.folder = folder
        guard let binary = Bundle.main.executablePath else {
            throw LocalProof.Fault(description: "the program can't find its own file")
        }
        let tracer = ["/usr/bin/strace", "/usr/local/bin/strace", "/bin/strace"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        hasTracer = tracer != nil
        // The shell tells its process id, which the server keeps: signals must reach the server and not the tracer.
        let shell = ["/bin/sh", "-c", #"echo $$ > "$0"; exec "$@""#, "\(folder)/pid", binary, "serve"]
        let trace = tracer.map {
            [$0, "-f", "-qq", "-s", "256", "-e", "trace=\(ConnectTrace.tracedCalls)", "-o", "\(folder)/trace"]
        }
        process = try ChildProcess(
            (trace ?? []) + shell + arguments + ["--port", "0", "--host", "127.0.0.1"],
            environment: ["INFERENCE_ALLOWED_PROVIDERS": "local"], log: "\(folder)/log")
        guard tracer == nil else {
            (sampler, sampling) = (nil, nil)
            return
        }
        guard FileManager.default.fileExists(atPath: "/proc/self/net/tcp") else {
            process.kill(SIGKILL)
            throw LocalProof.Fault(
                description: "there is neither strace nor /proc on this system: nothing can be observed")
        }
        let sampler = SocketSampler(pid: process.id)
        self.sampler = sampler
        sampling = Task {
            while !Task.isCancelled {
                sampler.look()
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    var isRunning: Bool { process.isRunning }
    private var log: String { (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? "" }
    var lastLine: String { log.split(separator: "\n").last.map(String.init) ?? "it said nothing" }

    func waitForPort() async throws -> Int {
        for _ in 0..<1200 {
            let mark = "address=http://127.0.0.1:"
            if let range = log.range(of: mark), let port = Int(log[range.upperBound...].prefix { $0.isNumber }),
                port > 0
            {
                return port
            }
            guard isRunning else { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        await stop()
        throw LocalProof.Fault(description: "the server didn't start: \(lastLine)")
    }

    /// Ends the server as an operator would, by force if that takes too long.
    func stop() async {
        let server = (try? String(contentsOfFile: "\(folder)/pid", encoding: .utf8))
            .flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        if let server, server > 1, isRunning { kill(server, SIGTERM) }
        for _ in 0..<700 where isRunning { try? await Task.sleep(for: .milliseconds(50)) }
        if let server, server > 1, isRunning { kill(server, SIGKILL) }
        if isRunning { process.kill(SIGKILL) }
        sampling?.cancel()
        await sampling?.value
    }

    func evidence() throws -> LocalProof.Evidence {
        if let sampler { return sampler.evidence }
        guard hasTracer, let text = try? String(contentsOfFile: "\(folder)/trace", encoding: .utf8) else {
            throw LocalProof.Fault(
                description:
                    "strace wrote no trace: it may not be permitted to trace here (a container needs SYS_PTRACE)")
        }
        let trace = ConnectTrace(text)
        return LocalProof.Evidence(
            method: "strace saw \(trace.calls) calls of \(ConnectTrace.tracedCalls); those that named a destination:",
            destinations: trace.destinations.sorted { $0.value > $1.value }
                .map { (family: $0.key.family, address: $0.key.address, calls: $0.value) },
            offending: trace.offending)
    }
}

/// A program that runs beside this one.
///
/// `@unchecked Sendable`: Foundation's `Process` locks inside, and nothing of it is set after its start.
final class ChildProcess: @unchecked Sendable {
    private let process = Process()

    init(_ command: [String], environment: [String: String], log: String) throws {
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: log)
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    var id: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }
    func kill(_ signal: Int32) { Foundation.kill(process.processIdentifier, signal) }
}
