import Checkpoints
import Foundation
import Generation
import LanguageModels
import Tensors
import TestSupport
import Testing
import Tokenizers

/// Guessed tokens change how many steps an answer takes, and nothing else.
@Suite struct DraftTests {
    /// Everything that a reader is told, scores bit by bit.
    struct Told: Equatable {
        var tokens: [String] = []
        var text = ""
        var end = ""
        var cached = 0
    }

    static func told(_ stream: AsyncStream<GenerationEvent>) async -> Told {
        func shown(_ report: TokenReport) -> String {
            let top = report.top.map { "\($0.id):\($0.logprob.bitPattern)" }
            return "\(report.id) \(report.logprob.map { "\($0.bitPattern)" } ?? "") \(top)"
        }
        var told = Told()
        for await event in stream {
            switch event {
            case .prompt(let reports): told.tokens += reports.map(shown)
            case .embedding: break
            case .token(let report, let text):
                told.tokens.append(shown(report) + " \(text.debugDescription)")
                told.text += text
            case .finished(let reason, let text, let usage):
                told.text += text
                told.end = "\(reason) \(text.debugDescription) \(usage.promptTokens) \(usage.completionTokens)"
                told.cached = usage.cachedTokens
            case .failed(let error): told.end = "\(error)"
            }
        }
        return told
    }

    enum Drafts { case none, measured, all }

    static func engine(
        _ decoder: any Decoder, _ drafts: Drafts, context: Int = 512, cache: Int = 4096, chunk: Int = 512,
        endTokens: Set<Int32> = []
    ) throws -> Engine {
        var options = EngineOptions(contextTokens: context, cacheTokens: cache)
        options.chunkTokens = chunk
        if drafts == .none { options.draftTokens = 0 }
        options.triesAllGuesses = drafts == .all
        return try Engine(
            decoder: decoder, tokenizer: Tokenizer(Checkpoint(path: TestModel.qwen3Path)), endTokens: endTokens,
            options: options)
    }

    static func told(_ requests: [GenerationRequest], by engine: Engine) async throws -> [Told] {
        let streams = try requests.map { try engine.generate($0) }
        var all: [Told] = []
        for stream in streams { all.append(await told(stream)) }
        return all
    }

    /// A prompt whose pieces come again and again.
    static func prompt(_ random: inout SeededGenerator) -> [Int32] {
        let piece = (0..<Int.random(in: 3...12, using: &random)).map { _ in Int32.random(in: 0..<360, using: &random) }
        var prompt = piece
        for _ in 0..<Int.random(in: 2...8, using: &random) {
            if Bool.random(using: &random) { prompt.append(Int32.random(in: 0..<360, using: &random)) }
            prompt += piece
        }
        return prompt
    }

    /// A request with anything that may bear on the choice of tokens or the end.
    static func request(_ random: inout SeededGenerator, stops: [String]) -> GenerationRequest {
        var request = GenerationRequest(prompt: prompt(&random))
        request.maxTokens = Int.random(in: 1...60, using: &random)
        request.sampling.temperature = Bool.random(using: &random) ? 0 : 0.8
        request.sampling.seed = UInt64.random(in: 0..<100, using: &random)
        func sometimes(_ change: () -> Void) { if Int.random(in: 0..<3, using: &random) == 0 { change() } }
        sometimes { request.sampling.topP = 0.9 }
        sometimes { request.sampling.topK = 5 }
        sometimes { request.sampling.repetitionPenalty = 1.1 }
        sometimes { request.sampling.frequencyPenalty = 0.3 }
        sometimes { request.sampling.presencePenalty = 0.3 }
        sometimes {
            request.sampling.logitBias = [request.prompt[0]: 2]
            request.sampling.logitBias[request.prompt[1]] = -3
        }
        sometimes { request.topLogprobs = 3 }
        sometimes { request.reportsPrompt = true }
        sometimes { request.minTokens = 12 }
        sometimes { request.stopTokenIDs = [request.prompt[2]] }
        sometimes { request.ignoresEnd = true }
        if let stop = stops.randomElement(using: &random) { sometimes { request.stop = [stop] } }
        return request
    }

    private static func fixture(_ family: String) -> String {
        URL(fileURLWithPath: TestModel.qwen3Path).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("\(family)/model-Q8_0.gguf").path
    }

    @Test(arguments: ["qwen3", "llama", "qwen3_moe"])
    func `whatever is asked for, the answers are those without guesses, alone and beside others`(
        family: String
    ) async throws {
        let device = try #require(CPUDevice(threads: 2))
        let decoder = try DecoderRegistry.load(Checkpoint(path: Self.fixture(family)), on: device)
        var random = SeededGenerator(seed: runSeed)
        var drafted = 0, accepted = 0
        for round in 0..<6 {
            let ends = Set((0..<3).map { _ in Int32.random(in: 0..<360, using: &random) })
            let chunk = [16, 512][round % 2]
            let plain = try Self.engine(decoder, .none, chunk: chunk, endTokens: ends)
            let forced = try Self.engine(decoder, .all, chunk: chunk, endTokens: ends)
            let measured = try Self.engine(decoder, .measured, chunk: chunk, endTokens: ends)
            defer { for engine in [plain, forced, measured] { engine.stop() } }
            let first = (0..<2).map { _ in Self.request(&random, stops: []) }
            let stops = try await Self.told(first, by: plain).map { String($0.text.dropFirst(9).prefix(2)) }
            var requests = (0..<8).map { _ in Self.request(&random, stops: stops.filter { !$0.isEmpty }) }
            // Several answers to one prompt, as `n` asks for them.
            requests += (0..<3).map { choice in
                var request = requests[0]
                request.sampling.temperature = 0.8
                request.sampling.seed = UInt64(choice)
                return request
            }
            let expected = try await Self.told(requests, by: plain)
            let seed = Comment("HYBRIE_SEED=\(runSeed), round \(round)")
            for engine in [forced, measured] {
                _ = try await Self.told(first, by: engine)
                for (found, expected) in zip(try await Self.told(requests, by: engine), expected) {
                    #expect(found.tokens == expected.tokens && found.text == expected.text, seed)
                    #expect(found.end == expected.end, seed)
                }
            }
            #expect(plain.statistics.draftTokens == 0)
            drafted += forced.statistics.draftTokens
            accepted += forced.statistics.acceptedDraftTokens
        }
        #expect(accepted > 0 && accepted < drafted, "both right and wrong guesses must have come about")
    }

    @Test func `answers under a grammar are those without guesses`() async throws {
        let decoder = try WatchedDecoder.qwen3()
        let tokenizer = try Tokenizer(Checkpoint(path: TestModel.qwen3Path))
        let vocabulary = VocabularyIndex(tokenizer: tokenizer)
        let grammar = Grammar.repetition(.choice([.literal("ab, "), .literal("abc "), .literal("0\n")]))
        var random = SeededGenerator(seed: runSeed)
        let prompts = (0..<6).map { _ in Self.prompt(&random) }
        func requests() throws -> [GenerationRequest] {
            try prompts.enumerated().map { index, prompt in
                var request = GenerationRequest(prompt: prompt)
                request.maxTokens = 60
                request.sampling.temperature = index % 2 == 0 ? 0 : 0.8
                request.sampling.seed = UInt64(index)
                request.topLogprobs = 2
                request.constraint = try GrammarConstraint(grammar: grammar, vocabulary: vocabulary, endTokens: [])
                return request
            }
        }
        let plain = try Self.engine(decoder, .none)
        let forced = try Self.engine(decoder, .all)
        defer {
            plain.stop()
            forced.stop()
        }
        let expected = try await Self.told(requests(), by: plain)
        #expect(try await Self.told(requests(), by: forced) == expected)
        #expect(expected.allSatisfy { !$0.text.isEmpty })
        #expect(forced.statistics.acceptedDraftTokens > 20)
    }

    @Test func `wrong guesses leave nothing behind in the prefix cache`() async throws {
        let decoder = try WatchedDecoder.qwen3()
        let (plain, forced) = (try Self.engine(decoder, .none), try Self.engine(decoder, .all))
        defer {
            plain.stop()
            forced.stop()
        }
        var random = SeededGenerator(seed: runSeed)
        for seed in 0..<8 {
            var request = GenerationRequest(prompt: Self.prompt(&random))
            request.maxTokens = 70
            request.sampling.seed = UInt64(seed)
            request.topLogprobs = 1
            let first = try await Self.told([request], by: forced)[0]
            #expect(try await Self.told([request], by: plain)[0] == first)
            // The next turn: what was asked and answered so far, and more.
            let answer = first.tokens.compactMap { $0.split(separator: " ").first.flatMap { Int32($0) } }
            try #require(answer.count == 70)
            request.prompt += answer + request.prompt
            let second = try await Self.told([request], by: forced)[0]
            let fresh = try Self.engine(decoder, .none)
            defer { fresh.stop() }
            let expected = try await Self.told([request], by: fresh)[0]
            #expect(second.tokens == expected.tokens)
            #expect(second.cached >= 64)
            #expect(try await Self.told([request], by: plain)[0] == second, "as much is cached as without guesses")
        }
        #expect(forced.statistics.draftTokens > forced.statistics.acceptedDraftTokens)
    }
}
