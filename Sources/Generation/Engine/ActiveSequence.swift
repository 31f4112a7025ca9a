import Synchronization
import Tensors
import Tokenizers

/// One request on its way through the engine; belongs to the engine's thread, but for its flag and its stream.
final class ActiveSequence {
    let request: GenerationRequest
    let outlet: Outlet
    let maxTokens: Int
    let arrival: ContinuousClock.Instant
    var sampler: Sampler
    var lease = PageAllocator.Lease()
    /// Prompt and answer.
    var tokens: [Int32]
    /// How many of `tokens` are in the cache.
    var computed = 0
    var cachedTokens = 0
    var lastToken: ContinuousClock.Instant?
    /// How the answer may go on.
    var guesses: SequenceGuesses
    /// Whether the end has been sent: rows of a draft that lie behind it are of no use.
    var hasEnded = false
    /// Reports of prompt tokens gathered so far.
    var promptReports: [TokenReport] = []
    /// The sum of the prompt's final states so far, where their mean is wanted.
    private var stateSum: [Float] = []
    private var detokenizer: StreamingDetokenizer
    private var stops: StopRules

    init(_ command: EngineCommand, chances: GuessChances) {
        request = command.request
        outlet = command.outlet
        maxTokens = command.maxTokens
        arrival = .now
        sampler = Sampler(request.sampling, prompt: request.prompt)
        tokens = request.prompt
        guesses = SequenceGuesses(like: chances)
        detokenizer = StreamingDetokenizer(tokenizer: command.tokenizer, skipSpecial: !request.ignoresEnd)
        stops = StopRules(request.stop)
    }

    var generated: Int { tokens.count - request.prompt.count }
    /// Tokens that must be computed before the next one can be chosen.
    var pending: Int { tokens.count - computed }
    /// Whether only the last chosen token is missing from the cache.
    var isDecoding: Bool { generated > 0 && pending == 1 }
    /// Whether every token of the prompt has a state or scores to give, not only the last one.
    var needsWholePrompt: Bool { request.reportsPrompt || request.embeds }
    /// Whether the prefix cache may be used: what needs the whole prompt needs it computed.
    var reusesPrefix: Bool { !needsWholePrompt }

    var usage: GenerationUsage {
        GenerationUsage(promptTokens: request.prompt.count, cachedTokens: cachedTokens, completionTokens: generated)
    }

    /// Takes a chosen token.
    /// - Returns: why the answer ends with it, if it does.
    func accept(_ token: Int32, report: TokenReport, isEnd: Bool) -> FinishReason? {
        sampler.accept(token)
        request.constraint?.accept(token)
        tokens.append(token)
        if isEnd {
            finish(.stop)
            return .stop
        }
        let (text, stopped) = stops.append(detokenizer.append(Int(token)))
        outlet.send(.token(report, text: text))
        if stopped {
            outlet.finish(.finished(.stop, text: "", usage: usage))
            return .stop
        }
        if generated >= maxTokens {
            finish(.length)
            return .length
        }
        return nil
    }

    /// Takes the final state of token number `token` of the prompt in.
    func add(_ state: Span<Float>, of token: Int) {
        // Also where it is computed again after having been set back.
        if token == 0 { stateSum = [Float](repeating: 0, count: state.count) }
        for index in state.indices { stateSum[index] += state[index] }
    }

    /// Sends the mean of all states, and the end.
    func finishEmbedding() {
        outlet.send(.embedding(stateSum.map { $0 / Float(request.prompt.count) }))
        finish(.length)
    }

    /// Sends what was held back and the end.
    func finish(_ reason: FinishReason) {
        let (text, stopped) = stops.append(detokenizer.finish())
        let rest = stopped ? text : text + stops.finish()
        outlet.finish(.finished(stopped ? .stop : reason, text: rest, usage: usage))
    }
}

/// Where a sequence's events go, and how its reader calls it off.
///
/// What isn't read yet waits here, since the engine must not wait for one reader. It can't grow without bound: a sequence
/// has no more events than its context has tokens, and readers too slow for long are cut off by the server.
final class Outlet: Sendable {
    private let isAbandoned = Atomic<Bool>(false)
    private let continuation: AsyncStream<GenerationEvent>.Continuation

    /// A stream and its outlet; `onAbandon` is called when the reader leaves before the end.
    static func make(onAbandon: @escaping @Sendable () -> Void) -> (Outlet, AsyncStream<GenerationEvent>) {
        let (stream, continuation) = AsyncStream<GenerationEvent>.makeStream()
        let outlet = Outlet(continuation)
        continuation.onTermination = { termination in
            guard case .cancelled = termination else { return }
            outlet.isAbandoned.store(true, ordering: .relaxed)
            onAbandon()
        }
        return (outlet, stream)
    }

    private init(_ continuation: AsyncStream<GenerationEvent>.Continuation) { self.continuation = continuation }

    /// Whether nobody reads any more.
    var abandoned: Bool { isAbandoned.load(ordering: .relaxed) }

    func send(_ event: GenerationEvent) { continuation.yield(event) }

    func finish(_ event: GenerationEvent) {
        continuation.yield(event)
        continuation.finish()
    }
}
