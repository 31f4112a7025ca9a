import Generation
import Synchronization
import Tensors
import Testing

/// How many steps and rows guesses take: counted, on a decoder whose answer is known.
@Suite struct DraftStepTests {
    /// Counts from 0 to 39 over and over, as the prompt does.
    private static func counting() throws -> ScriptedDecoder { try ScriptedDecoder { token, _ in (token + 1) % 40 } }

    private static func request(_ tokens: Int, rounds: Int = 2) -> GenerationRequest {
        var request = GenerationRequest(prompt: (0..<Int32(40 * rounds)).map { $0 % 40 })
        request.sampling.temperature = 0
        request.maxTokens = tokens
        return request
    }

    @Test func `an answer that repeats the prompt takes a step for each seventeen tokens`() async throws {
        let decoder = try Self.counting()
        let engine = try DraftTests.engine(decoder, .all)
        defer { engine.stop() }
        let outcome = await EngineTests.collect(try engine.generate(Self.request(1 + 17 * 6)))
        #expect(outcome.ids == (0..<103).map { $0 % 40 })
        #expect(decoder.steps.count == 7)
        #expect(decoder.steps.dropFirst().allSatisfy { $0 == [17] })
        #expect(engine.statistics.draftTokens == 96)
        #expect(engine.statistics.acceptedDraftTokens == 96)
        #expect(engine.statistics.generatedTokens == 103)
    }

    @Test func `no more tokens come than were asked for, and none is tried in vain`() async throws {
        let decoder = try Self.counting()
        let engine = try DraftTests.engine(decoder, .all)
        defer { engine.stop() }
        for tokens in 1...40 {
            let outcome = await EngineTests.collect(try engine.generate(Self.request(tokens)))
            #expect(outcome.ids == (0..<Int32(tokens)).map { $0 % 40 })
            #expect(outcome.reason == .length)
        }
        #expect(engine.statistics.draftTokens == engine.statistics.acceptedDraftTokens)
        // Up to the last token of the context, too.
        let last = await EngineTests.collect(try engine.generate(Self.request(512 - 80)))
        #expect(last.ids.count == 512 - 80)
    }

    @Test func `an end in the midst of right guesses is the end`() async throws {
        let engine = try DraftTests.engine(Self.counting(), .all, endTokens: [25])
        defer { engine.stop() }
        let outcome = await EngineTests.collect(try engine.generate(Self.request(300)))
        #expect(outcome.ids == (0..<25).map { $0 })
        #expect(outcome.reason == .stop)
        #expect(engine.statistics.generatedTokens == 26)
        #expect(engine.statistics.finished == 1)
        #expect(try await eventually { engine.statistics.usedPages == 0 })
    }

    @Test func `a reader that leaves in the midst of right guesses frees the pages`() async throws {
        let decoder = WatchedDecoder(try Self.counting())
        let engine = try DraftTests.engine(decoder, .all)
        defer { engine.stop() }
        var stream: AsyncStream<GenerationEvent>? = try engine.generate(Self.request(400))
        for await event in try #require(stream) {
            if case .token(let report, _) = event, report.id == 7 { break }
        }
        stream = nil
        #expect(try await eventually { engine.statistics.abandoned == 1 || engine.statistics.finished == 1 })
        #expect(try await eventually { engine.statistics.usedPages == 0 && engine.statistics.running == 0 })
        let outcome = await EngineTests.collect(try engine.generate(Self.request(30)))
        #expect(outcome.ids == (0..<30).map { $0 })
    }

    @Test func `what came of right guesses is remembered up to the last full page`() async throws {
        let engine = try DraftTests.engine(Self.counting(), .all)
        defer { engine.stop() }
        for tokens in 1...40 {
            var request = Self.request(tokens)
            // Begins like none before.
            request.prompt[0] = Int32(100 + tokens)
            request.prompt += await EngineTests.collect(try engine.generate(request)).ids
            let cached = await EngineTests.collect(try engine.generate(request)).cached
            // The last token was never fed, nor is the last page used if it would be all that is left.
            #expect(cached == (request.prompt.count - 1) / 16 * 16)
        }
    }

    /// After `1 2` comes a token that never came before, so each guess behind it is wrong.
    private static func surprising(_ position: Int) -> Int32 {
        position % 3 == 0 ? 1 : position % 3 == 1 ? 2 : Int32(10 + position / 3)
    }

    @Test(arguments: [1, 4]) func `where guesses are never right they soon aren't tried any more`(
        sequences: Int
    ) async throws {
        let decoder = try ScriptedDecoder { _, position in Self.surprising(position) }
        let engine = try DraftTests.engine(decoder, .measured, context: 1200)
        defer { engine.stop() }
        var request = GenerationRequest(prompt: [3])
        request.sampling.temperature = 0
        request.maxTokens = 1100
        let streams = try (0..<sequences).map { _ in try engine.generate(request) }
        for stream in streams { #expect(await EngineTests.collect(stream).ids.count == 1100) }
        #expect(engine.statistics.acceptedDraftTokens == 0)
        // Of 366 chances a sequence, before it has learnt; a step that the machine interrupts teaches it wrong things.
        #expect(engine.statistics.draftTokens <= sequences * 60)
    }

    @Test func `guesses take no page from anybody`() async throws {
        // Four answers that fill the cache to its last page, and know how to go on.
        func run(_ drafts: DraftTests.Drafts) async throws -> (Engine, ScriptedDecoder) {
            let decoder = try Self.counting()
            let engine = try DraftTests.engine(decoder, drafts, context: 256, cache: 256)
            let streams = try (0..<4).map { seed in
                var request = Self.request(24, rounds: 1)
                // No two begin alike: none shares pages with another.
                request.prompt[0] = Int32(100 + seed)
                return try engine.generate(request)
            }
            for stream in streams { #expect(await EngineTests.collect(stream).ids == (0..<24).map { $0 }) }
            return (engine, decoder)
        }
        let (plain, plainDecoder) = try await run(.none)
        let (forced, forcedDecoder) = try await run(.all)
        plain.stop()
        forced.stop()
        #expect(plain.statistics.preemptions == 0)
        #expect(forced.statistics.preemptions == 0)
        #expect(forced.statistics.acceptedDraftTokens > 0)
        #expect(forcedDecoder.steps.count < plainDecoder.steps.count)
    }

    @Test func `pages of wrong guesses are there for others before the next step`() async throws {
        let decoder = try ScriptedDecoder { _, position in Self.surprising(position) }
        let engine = try DraftTests.engine(decoder, .all)
        defer { engine.stop() }
        let surplus = Mutex(0)
        decoder.watch { [unowned engine] batch in
            // What was in use before this step, and what its tokens need without guesses.
            let needed = batch.parts[0].position / CacheShape.pageTokens + 1
            let used = engine.statistics.usedPages
            surplus.withLock { $0 = max($0, used - needed) }
        }
        var request = GenerationRequest(prompt: [3])
        request.sampling.temperature = 0
        request.maxTokens = 300
        #expect(await EngineTests.collect(try engine.generate(request)).ids.count == 300)
        #expect(engine.statistics.draftTokens > 1000)
        #expect(engine.statistics.acceptedDraftTokens == 0)
        #expect(surplus.withLock { $0 } == 0)
    }

    @Test func `the text that is remembered stays, though guesses would need its pages`() async throws {
        let engine = try DraftTests.engine(Self.counting(), .all, context: 256, cache: 256, endTokens: [25])
        defer { engine.stop() }
        // Nine of sixteen pages hold a text; the answer ends within the other seven, its guesses would go on.
        var kept = GenerationRequest(prompt: (0..<145).map { Int32(200 + $0) })
        kept.maxTokens = 1
        _ = await EngineTests.collect(try engine.generate(kept))
        #expect(await EngineTests.collect(try engine.generate(Self.request(100))).ids.count == 25)
        #expect(engine.statistics.acceptedDraftTokens > 0)
        #expect(await EngineTests.collect(try engine.generate(kept)).cached == 144)
    }
}
