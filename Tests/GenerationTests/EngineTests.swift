import Checkpoints
import Generation
import LanguageModels
import Tensors
import Testing
import Tokenizers

@Suite struct EngineTests {
    /// Texts, ids and the end of one generation.
    struct Outcome: Equatable {
        var ids: [Int32] = []
        var text = ""
        var reason: FinishReason?
        var cached = 0
    }

    static func collect(_ stream: AsyncStream<GenerationEvent>) async -> Outcome {
        var outcome = Outcome()
        for await event in stream {
            switch event {
            case .prompt, .embedding, .failed: break
            case .token(let report, let text):
                outcome.ids.append(report.id)
                outcome.text += text
            case .finished(let reason, let text, let usage):
                outcome.text += text
                outcome.reason = reason
                outcome.cached = usage.cachedTokens
            }
        }
        return outcome
    }

    static func request(_ seed: Int, tokens: Int = 24, prompt: Int = 20) -> GenerationRequest {
        var request = GenerationRequest(prompt: (0..<prompt).map { Int32(($0 * 37 + seed * 11) % 360) })
        request.sampling.temperature = 1
        request.sampling.seed = UInt64(seed)
        request.maxTokens = tokens
        request.ignoresEnd = true
        return request
    }

    @Test func `the same seed gives the same text, alone and beside fifteen others`() async throws {
        let model = try TestModel.qwen3()
        var alone: [Outcome] = []
        for seed in 0..<16 { alone.append(await Self.collect(try model.engine.generate(Self.request(seed)))) }
        let together = try await withThrowingTaskGroup(of: (Int, Outcome).self) { group in
            for seed in 0..<16 {
                group.addTask { (seed, await Self.collect(try model.engine.generate(Self.request(seed)))) }
            }
            var outcomes = [Outcome](repeating: Outcome(), count: 16)
            for try await (seed, outcome) in group { outcomes[seed] = outcome }
            return outcomes
        }
        for seed in 0..<16 { #expect(together[seed].ids == alone[seed].ids) }
        #expect(Set(alone.map(\.ids)).count == 16)
    }

    @Test func `a prompt that was seen before comes out of the cache, with the same answer`() async throws {
        let model = try TestModel.qwen3()
        let request = Self.request(3, prompt: 100)
        let first = await Self.collect(try model.engine.generate(request))
        let second = await Self.collect(try model.engine.generate(request))
        #expect(first.cached == 0)
        #expect(second.cached == 96)
        #expect(second.ids == first.ids)
    }

    @Test func `sequences that are set back for want of pages still give the same text`() async throws {
        let checkpoint = try Checkpoint(path: TestModel.qwen3Path)
        let device = try #require(CPUDevice(threads: 2))
        let decoder = try DecoderRegistry.load(checkpoint, on: device)
        let tokenizer = try Tokenizer(checkpoint)
        let roomy = try Engine(
            decoder: decoder, tokenizer: tokenizer, endTokens: [],
            options: EngineOptions(contextTokens: 256, cacheTokens: 8192))
        let narrow = try Engine(
            decoder: decoder, tokenizer: tokenizer, endTokens: [],
            options: EngineOptions(contextTokens: 256, cacheTokens: 256))
        defer {
            roomy.stop()
            narrow.stop()
        }
        let requests = (0..<6).map { Self.request($0, tokens: 100, prompt: 30) }
        func all(_ engine: Engine) async throws -> [[Int32]] {
            let streams = try requests.map { try engine.generate($0) }
            var ids: [[Int32]] = []
            for stream in streams { ids.append(await Self.collect(stream).ids) }
            return ids
        }
        #expect(try await all(narrow) == all(roomy))
        #expect(narrow.statistics.preemptions > 0)
    }

    @Test func `a full queue refuses`() async throws {
        let checkpoint = try Checkpoint(path: TestModel.qwen3Path)
        let device = try #require(CPUDevice(threads: 1))
        var options = EngineOptions(contextTokens: 512, cacheTokens: 512)
        options.queue = 2
        options.parallel = 1
        let engine = try Engine(
            decoder: DecoderRegistry.load(checkpoint, on: device), tokenizer: Tokenizer(checkpoint), endTokens: [],
            options: options)
        defer { engine.stop() }
        var streams: [AsyncStream<GenerationEvent>] = []
        #expect(throws: EngineError.self) {
            for seed in 0..<8 { streams.append(try engine.generate(Self.request(seed, tokens: 400))) }
        }
        #expect(engine.statistics.refused == 1)
    }

    @Test func `what doesn't fit the context is refused before it starts`() throws {
        let model = try TestModel.qwen3(context: 64)
        #expect(throws: EngineError.self) { try model.engine.generate(Self.request(0, tokens: 45, prompt: 20)) }
        #expect(throws: EngineError.self) { try model.engine.generate(GenerationRequest(prompt: [])) }
        #expect(throws: EngineError.self) { try model.engine.generate(GenerationRequest(prompt: [600])) }
        #expect(throws: EngineError.self) { try model.engine.generate(GenerationRequest(prompt: [-1])) }
        #expect(model.engine.statistics.requests == 0)
    }

    @Test func `a reader that leaves frees the sequence and its pages`() async throws {
        let model = try TestModel.qwen3()
        // Nobody holds the stream: its reader has left at once.
        _ = try model.engine.generate(Self.request(1, tokens: 400))
        // The next request is served by the same loop, after it has dropped the abandoned one.
        _ = await Self.collect(try model.engine.generate(Self.request(2, tokens: 2)))
        _ = await Self.collect(try model.engine.generate(Self.request(2, tokens: 2)))
        let statistics = model.engine.statistics
        #expect(statistics.abandoned == 1)
        #expect(statistics.generatedTokens < 300)
    }

    @Test func `stop texts end the answer and are not part of it, wherever tokens cut them`() async throws {
        let model = try TestModel.qwen3()
        let free = await Self.collect(try model.engine.generate(Self.request(5, tokens: 60)))
        let scalars = Array(free.text.unicodeScalars)
        try #require(scalars.count > 20)
        for length in 1...6 {
            let stop = String(String.UnicodeScalarView(scalars[10..<10 + length]))
            var request = Self.request(5, tokens: 60)
            request.stop = [stop]
            let stopped = await Self.collect(try model.engine.generate(request))
            #expect(stopped.reason == .stop)
            #expect(!stopped.text.contains(stop))
            #expect(free.text.hasPrefix(stopped.text))
        }
    }

    @Test func `prompt log-probabilities are those of scoring token by token`() async throws {
        let model = try TestModel.qwen3()
        var request = Self.request(7, tokens: 1, prompt: 40)
        request.topLogprobs = 3
        request.reportsPrompt = true
        var reports: [TokenReport] = []
        for await event in try model.engine.generate(request) { if case .prompt(let found) = event { reports = found } }
        #expect(reports.map(\.id) == request.prompt)
        #expect(reports[0].logprob == nil)
        for place in [1, 17, 39] {
            var next = GenerationRequest(prompt: Array(request.prompt[..<place]))
            next.maxTokens = 1
            next.topLogprobs = 3
            next.sampling.temperature = 0
            for await event in try model.engine.generate(next) {
                guard case .token(let report, _) = event else { continue }
                #expect(report.top.map(\.id) == reports[place].top.map(\.id))
                #expect(report.top.map(\.logprob) == reports[place].top.map(\.logprob))
            }
        }
    }
}
