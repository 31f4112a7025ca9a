import Foundation
import Testing

/// The fuzzer's smoke run, as `script/fuzz smoke` does it.
@Suite struct FuzzTests {
    private static let binary = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent(".build/release/fuzz").path

    private func run(_ arguments: [String]) throws -> (reason: Process.TerminationReason, code: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.binary)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationReason, process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    @Test func `no parser traps or hangs on damaged input`() throws {
        let seed = ProcessInfo.processInfo.environment["HYBRIE_SEED"] ?? "\(UInt32.random(in: 0...UInt32.max))"
        let (reason, code, output) = try run(["smoke", seed])
        #expect(reason == .exit && code == 0, "\(output)")
    }

    @Test func `a parser that traps is noticed`() throws {
        let (reason, code, output) = try run(["canary", "1", "2000"])
        #expect(reason == .uncaughtSignal || code != 0)
        #expect(output.contains("canary: seed 1"))
    }
}
