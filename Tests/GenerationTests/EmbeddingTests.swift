import Checkpoints
import Generation
import LanguageModels
import Tensors
import Testing
import Tokenizers

/// Texts that are embedded take their turn like prompts.
@Suite struct EmbeddingTests {
    private static func engine(
        _ decoder: WatchedDecoder, chunk: Int = 32, context: Int = 512, cache: Int = 2048, queue: Int = 64
    ) throws -> Engine {
        var options = EngineOptions(contextTokens: context, cacheTokens: cache)
        options.chunkTokens = chunk
        options.queue = queue
        options.parallel = 4
        return try Engine(
            decoder: decoder, tokenizer: Tokenizer(Checkpoint(path: TestModel.qwen3Path)), endTokens: [],
            options: options)
    }

    private static func text(_ count: Int) -> [Int32] { (0..<count).map { Int32(($0 * 53 + 7) % 360) } }

    /// The mean of the states that the model itself gives.
    private static func mean(of tokens: [Int32], _ decoder: any Decoder) throws -> [Float] {
        let pages = (tokens.count + 15) / 16
        let config = decoder.config
        let cache = try decoder.device.makeCache(
            CacheShape(
                layers: config.numHiddenLayers, kvHeads: config.numKeyValueHeads, headDim: config.headDim, pages: pages)
        )
        var batch = Batch()
        batch.append(tokens, position: 0, pages: (0..<Int32(pages)).map { $0 })
        let states = decoder.hiddenStates(of: batch, rows: Array(tokens.indices), cache: cache).floats
        return (0..<config.hiddenSize).map { column in
            var sum: Float = 0
            for token in tokens.indices { sum += states[token * config.hiddenSize + column] }
            return sum / Float(tokens.count)
        }
    }

    @Test(arguments: [7, 32, 512]) func `an embedding is the mean of all states, however it is cut`(
        chunk: Int
    ) async throws {
        let decoder = try WatchedDecoder.qwen3()
        let engine = try Self.engine(decoder, chunk: chunk)
        defer { engine.stop() }
        let texts = [Self.text(100), Self.text(1), Self.text(33)]
        let found = try await engine.embed(texts)
        #expect(found == (try texts.map { try Self.mean(of: $0, decoder) }))
        #expect(engine.statistics.usedPages == 0)
    }

    @Test func `a long text runs in chunks beside a running answer`() async throws {
        let decoder = try WatchedDecoder.qwen3(isHeld: true)
        let engine = try Self.engine(decoder)
        defer { engine.stop() }
        let answer = try engine.generate(EngineTests.request(1, tokens: 300, prompt: 20))
        #expect(try await eventually { decoder.batches.count == 1 })
        async let vectors = engine.embed([Self.text(320)])
        #expect(try await eventually { engine.statistics.waiting == 1 })
        decoder.release()
        #expect(try await vectors.count == 1)
        _ = await EngineTests.collect(answer)
        let batches = decoder.batches
        #expect(batches.contains { $0.parts.count == 2 && $0.tokens.count > 2 }, "both in one step")
        #expect(batches.allSatisfy { $0.tokens.count <= 33 }, "a chunk and a token of the answer")
    }

    @Test func `a reader that leaves ends the text between two chunks`() async throws {
        let decoder = try WatchedDecoder.qwen3(isHeld: true)
        let engine = try Self.engine(decoder)
        defer { engine.stop() }
        let reader = Task { try await engine.embed([Self.text(500)]) }
        #expect(try await eventually { decoder.batches.count == 1 })
        reader.cancel()
        await #expect(throws: CancellationError.self) { try await reader.value }
        decoder.release()
        #expect(try await eventually { engine.statistics.abandoned == 1 })
        #expect(decoder.batches.count == 1)
        #expect(try await eventually { engine.statistics.usedPages == 0 })
    }

    @Test func `texts count among what waits`() async throws {
        let decoder = try WatchedDecoder.qwen3(isHeld: true)
        let engine = try Self.engine(decoder, queue: 1)
        defer { engine.stop() }
        let first = try engine.generate(EngineTests.request(1))
        #expect(try await eventually { decoder.batches.count == 1 })
        let second = try engine.generate(EngineTests.request(2))
        await #expect(throws: EngineError.self) { try await engine.embed([Self.text(10)]) }
        decoder.release()
        for stream in [first, second] { _ = await EngineTests.collect(stream) }
        #expect(engine.statistics.refused == 1)
    }

    @Test func `a text waits for pages instead of failing, also when it is set back`() async throws {
        let decoder = try WatchedDecoder.qwen3()
        // Sixteen pages: the answer alone comes to need them all.
        let engine = try Self.engine(decoder, chunk: 16, context: 256, cache: 256)
        defer { engine.stop() }
        let requests = (0..<3).map { EngineTests.request($0, tokens: 200, prompt: 40) }
        let answers = try requests.map { try engine.generate($0) }
        let vectors = try await withThrowingTaskGroup(of: [[Float]].self) { group in
            for count in [90, 130, 170] { group.addTask { try await engine.embed([Self.text(count)]) } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        for answer in answers { #expect(await EngineTests.collect(answer).reason == .length) }
        let expected = try [90, 130, 170].map { try Self.mean(of: Self.text($0), decoder) }
        #expect(Set(vectors) == Set(expected))
        #expect(engine.statistics.preemptions > 0, "nothing was set back: the test has no pages to fight for")
    }
}
