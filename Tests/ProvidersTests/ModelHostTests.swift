import Checkpoints
import Foundation
import Generation
import Logging
import Providers
import Synchronization
import Tensors
import Testing

@Suite struct ModelHostTests {
    private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/golden/lm/qwen3")
    private static let file = golden.appendingPathComponent("model-Q8_0.gguf").path

    private func host(store: @escaping @Sendable () -> [(id: String, path: String)] = { [] }) throws -> ModelHost {
        var options = ModelHost.Options()
        options.memoryBytes = 4 << 30
        options.context = 64
        options.parallel = 1
        let device = try #require(CPUDevice(threads: 1))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return ModelHost(device: device, options: options, logger: logger, store: store)
    }

    /// Notes which bytes were waited for, and holds back what lies behind a place until it is let go.
    private final class Gate: Sendable {
        private let state = Mutex((asked: 0, isOpen: false, isBroken: false))
        private let front: Int

        init(front: Int) { self.front = front }

        /// The furthest byte that anybody wanted.
        var asked: Int { state.withLock { $0.asked } }
        func open() { state.withLock { $0.isOpen = true } }
        func breakDown() { state.withLock { $0.isBroken = true } }

        func wait(_ file: String, _ bytes: Range<Int>) throws(CheckpointError) {
            state.withLock { $0.asked = max($0.asked, bytes.upperBound) }
            while bytes.upperBound > front {
                let (isOpen, isBroken) = state.withLock { ($0.isOpen, $0.isBroken) }
                if isOpen { return }
                if isBroken { throw .gone(file, "the cable") }
                usleep(1000)
            }
        }
    }

    @Test func `layers are read while later ones still come`() async throws {
        let host = try host()
        let bytes = try #require(FileManager.default.attributesOfItem(atPath: Self.file)[.size] as? Int)
        let gate = Gate(front: bytes * 3 / 4)
        await host.add(
            id: "m",
            .coming { progress, opened in
                opened(Self.file) { file, bytes throws(CheckpointError) in try gate.wait(file, bytes) }
                // Only a load that goes on while this hasn't returned ever wants what lies behind the front.
                while gate.asked <= bytes * 3 / 4 { try await Task.sleep(for: .milliseconds(1)) }
                progress(bytes * 3 / 4, bytes)
                gate.open()
                return (Self.file, true)
            })
        #expect(try await host.load("m").id == "m")
    }

    @Test func `who waits for weights holds no thread that another model computes with`() async throws {
        let host = try host()
        await host.add(id: "here", .here(path: Self.file))
        let model = try await host.load("here")
        let gate = Gate(front: 400_000)
        await host.add(
            id: "coming",
            .coming { _, opened in
                opened(Self.file) { file, bytes throws(CheckpointError) in try gate.wait(file, bytes) }
                while gate.asked <= 400_000 { try await Task.sleep(for: .milliseconds(1)) }
                var request = GenerationRequest(prompt: [1, 2, 3])
                request.maxTokens = 4
                for await event in try model.engine.generate(request) {
                    if case .failed(let error) = event { throw error }
                }
                gate.open()
                return (Self.file, true)
            })
        #expect(try await host.load("coming").id == "coming")
    }

    @Test func `a fetch that fails ends the load that waits for it, and the next one begins anew`() async throws {
        struct NoWay: Error {}
        let host = try host()
        let gate = Gate(front: 1 << 16)
        let tries = Mutex(0)
        await host.add(
            id: "m",
            .coming { _, opened in
                guard
                    tries.withLock({
                        $0 += 1; return $0
                    }) == 1
                else { return (Self.file, true) }
                opened(Self.file) { file, bytes throws(CheckpointError) in try gate.wait(file, bytes) }
                while gate.asked <= 1 << 16 { try await Task.sleep(for: .milliseconds(1)) }
                gate.breakDown()
                throw NoWay()
            })
        do {
            _ = try await host.load("m")
            Issue.record("it was loaded from half a file")
        } catch { #expect("\(error)".contains("NoWay")) }
        #expect(try await host.load("m").id == "m")
    }

    @Test func `a fetch that shows nothing before its end is loaded from where it lies`() async throws {
        let host = try host()
        await host.add(id: "m", .coming { _, _ in (Self.file, false) })
        #expect(try await host.load(nil).id == "m")
    }

    @Test func `what was shown and turned out to be something else is never served`() async throws {
        let host = try host()
        let other = Self.golden.appendingPathComponent("model-F16.gguf").path
        await host.add(
            id: "m",
            .coming { _, opened in
                opened(Self.file) { _, _ throws(CheckpointError) in }
                // Long enough for all of it to be read.
                try await Task.sleep(for: .milliseconds(300))
                return (other, false)
            })
        await host.add(id: "right", .here(path: other))
        await host.add(id: "wrong", .here(path: Self.file))
        let bytes = try await (host.load("right").plan.weightBytes, host.load("wrong").plan.weightBytes)
        #expect(bytes.0 != bytes.1)
        #expect(try await host.load("m").plan.weightBytes == bytes.0)
    }

    @Test func `what somebody else brought in needs no fetch any more`() async throws {
        struct NoWay: Error {}
        let listed = Mutex<[(id: String, path: String)]>([])
        let host = try host { listed.withLock { $0 } }
        await host.add(id: "m", .coming { _, _ in throw NoWay() })
        await #expect(throws: ModelHostError.self) { try await host.load("m") }
        await #expect(throws: ModelHostError.self) { try await host.model("m") }
        listed.withLock { $0 = [("m", Self.file)] }
        #expect(try await host.load("m").id == "m")
    }

    @Test func `models that come into the store or leave it are noticed`() async throws {
        let listed = Mutex<[(id: String, path: String)]>([])
        let host = try host { listed.withLock { $0 } }
        await #expect(throws: ModelHostError.self) { try await host.load("new") }
        listed.withLock { $0 = [("new", Self.file), ("other", "/nowhere")] }
        #expect(try await host.load("new").id == "new")
        #expect(await host.models.map(\.id) == ["new", "other"])
        listed.withLock { $0 = [] }
        // What is in memory goes on answering.
        #expect(await host.models.map(\.id) == ["new"])
        try await host.unload("new")
        #expect(await host.models.isEmpty)
    }
}
