import Checkpoints
import Generation
import Synchronization
import Tensors
import Testing
import Tokenizers

/// What must not pass for a whole answer, and an engine that hangs.
@Suite struct EngineFaultTests {
    private static func engine(_ decoder: WatchedDecoder, queue: Int = 64, parallel: Int = 16) throws -> Engine {
        var options = EngineOptions(contextTokens: 512, cacheTokens: 2048)
        options.queue = queue
        options.parallel = parallel
        return try Engine(
            decoder: decoder, tokenizer: Tokenizer(Checkpoint(path: TestModel.qwen3Path)), endTokens: [],
            options: options)
    }

    private static func failure(_ stream: AsyncStream<GenerationEvent>) async -> EngineError? {
        var failure: EngineError?
        for await event in stream { if case .failed(let error) = event { failure = error } }
        return failure
    }

    /// Permits everything for some tokens, and nothing after them.
    private final class DeadEnd: TokenConstraint {
        private let left: Mutex<Int>
        init(after tokens: Int) { left = Mutex(tokens) }
        func allowedTokens() -> TokenMask? { left.withLock { $0 > 0 ? nil : TokenMask(count: 512) } }
        func accept(_ token: Int32) { left.withLock { $0 -= 1 } }
    }

    @Test(arguments: [0, 3]) func `an answer whose constraint permits no token fails instead of ending`(
        tokens: Int
    ) async throws {
        let model = try TestModel.qwen3()
        var request = EngineTests.request(1)
        request.constraint = DeadEnd(after: tokens)
        var events: [GenerationEvent] = []
        for await event in try model.engine.generate(request) { events.append(event) }
        #expect(events.count == tokens + 1)
        guard case .failed(.constraintFailed)? = events.last else {
            Issue.record("the last event is \(String(describing: events.last))")
            return
        }
        #expect(model.engine.statistics.finished == 1)
        #expect(await EngineTests.collect(try model.engine.generate(EngineTests.request(1))).reason == .length)
    }

    @Test func `stopping fails what runs, what waits and what wasn't looked at yet`() async throws {
        let decoder = try WatchedDecoder.qwen3(isHeld: true)
        let engine = try Self.engine(decoder)
        let running = try engine.generate(EngineTests.request(1))
        #expect(try await eventually { decoder.batches.count == 1 })
        let unseen = try engine.generate(EngineTests.request(2))
        engine.stop()
        decoder.release()
        for stream in [running, unseen] {
            guard case .stopped? = await Self.failure(stream) else {
                Issue.record("it didn't end with an error")
                continue
            }
        }
        #expect(throws: EngineError.self) { try engine.generate(EngineTests.request(3)) }
    }

    @Test func `F10 - an engine whose step hangs isn't alive, and is again when it goes on`() async throws {
        let decoder = try WatchedDecoder.qwen3()
        let engine = try Self.engine(decoder)
        defer { engine.stop() }
        let limit = Duration.milliseconds(200)
        // Idle it needs no heartbeat, however long nothing came.
        #expect(try await eventually { engine.isAlive(within: .zero) })
        decoder.hold()
        let stream = try engine.generate(EngineTests.request(1))
        #expect(try await eventually { !engine.isAlive(within: limit) })
        #expect(engine.isAlive(within: .seconds(600)), "only the time makes the difference")
        decoder.release()
        #expect(await EngineTests.collect(stream).reason == .length)
        #expect(try await eventually { engine.isAlive(within: .zero) })
    }

    @Test func `a queue is full at its limit also while a step runs that has taken requests from it`() async throws {
        let decoder = try WatchedDecoder.qwen3(isHeld: true)
        let engine = try Self.engine(decoder, queue: 4, parallel: 1)
        var streams = [try engine.generate(EngineTests.request(0))]
        #expect(try await eventually { decoder.batches.count == 1 })
        for seed in 1...3 { streams.append(try engine.generate(EngineTests.request(seed))) }
        decoder.step()
        #expect(try await eventually { decoder.batches.count == 2 })
        #expect(engine.statistics.waiting == 3)
        streams.append(try engine.generate(EngineTests.request(4)))
        #expect(throws: EngineError.self) { try engine.generate(EngineTests.request(5)) }
        #expect(engine.statistics.waiting == 4)
        engine.stop()
        decoder.release()
    }

    @Test func `an engine that was stopped isn't alive`() async throws {
        let engine = try Self.engine(try WatchedDecoder.qwen3())
        engine.stop()
        #expect(!engine.isAlive(within: .seconds(600)))
    }
}
