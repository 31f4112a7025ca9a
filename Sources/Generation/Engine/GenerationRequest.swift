/// What is to be generated: a prompt in tokens, how to choose the next ones, and when to stop.
public struct GenerationRequest: Sendable {
    /// Token ids of the prompt; at least one.
    public var prompt: [Int32]
    /// Tokens to generate at most; none: as many as the context leaves.
    public var maxTokens: Int?
    /// Tokens before an end token may come.
    public var minTokens = 0
    /// How the next token is chosen.
    public var sampling = SamplingParameters()
    /// Texts that end the answer and aren't part of it.
    public var stop: [String] = []
    /// Tokens that end the answer besides the model's own.
    public var stopTokenIDs: Set<Int32> = []
    /// Whether the model's own end tokens are taken as text.
    public var ignoresEnd = false
    /// How many alternatives to report with each token; none: no log-probabilities at all.
    public var topLogprobs: Int?
    /// Whether the prompt's own tokens are reported with log-probabilities, before the first new one.
    public var reportsPrompt = false
    /// Whether the mean of the prompt's final states is wanted, and no answer; see ``Engine/embed(_:)``.
    var embeds = false
    /// What the answer must look like; none: anything.
    public var constraint: (any TokenConstraint)?

    /// A request with the usual settings.
    public init(prompt: [Int32]) { self.prompt = prompt }
}

/// Which tokens may come next, kept up to date token by token. Used by one sequence, on the engine's thread.
public protocol TokenConstraint: AnyObject, Sendable {
    /// The tokens that may come next (end tokens among them where the answer may end); `nil` while everything may.
    func allowedTokens() -> TokenMask?
    /// Takes note of the token that was chosen.
    func accept(_ token: Int32)
}

/// A set of token ids, a bit each.
public struct TokenMask: Sendable {
    /// 64 ids a word, lowest bit first.
    public var words: [UInt64]

    /// The empty set over `count` ids.
    public init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    /// Whether `id` is in the set; ids beyond it are not.
    public subscript(id: Int) -> Bool {
        get { id >= 0 && id / 64 < words.count && words[id / 64] >> UInt64(id % 64) & 1 == 1 }
        set {
            if newValue { words[id / 64] |= 1 << UInt64(id % 64) } else { words[id / 64] &= ~(1 << UInt64(id % 64)) }
        }
    }

    /// Whether no id is in the set.
    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
}

/// What comes back, in this order: prompt tokens if asked for, tokens, the end.
public enum GenerationEvent: Sendable {
    /// The prompt's tokens; the first has no log-probability.
    case prompt([TokenReport])
    /// A token, and the text that can be shown since the last one: complete characters that can't belong to a stop text.
    case token(TokenReport, text: String)
    /// The mean of the prompt's final states, where that was asked for.
    case embedding([Float])
    /// The end, and text that was still held back.
    case finished(FinishReason, text: String, usage: GenerationUsage)
    /// The end of an answer that must not pass for a whole one.
    case failed(EngineError)
}

/// A token with its probability.
public struct TokenReport: Sendable {
    /// The token.
    public let id: Int32
    /// Natural logarithm of its probability before any sampling setting, if asked for.
    public let logprob: Float?
    /// The most probable tokens at its place, best first.
    public let top: [(id: Int32, logprob: Float)]
}

/// Why an answer ended.
public enum FinishReason: String, Sendable {
    /// An end token or a stop text.
    case stop
    /// The limit of tokens.
    case length
}

/// Tokens that were counted.
public struct GenerationUsage: Sendable {
    /// Tokens of the prompt.
    public var promptTokens: Int
    /// How many of them were found in the prefix cache.
    public var cachedTokens: Int
    /// Tokens generated.
    public var completionTokens: Int
}

/// Why a request isn't taken, or isn't answered to its end.
public enum EngineError: Error, CustomStringConvertible, Sendable {
    /// The queue is full.
    case queueFull(waiting: Int)
    /// Prompt and answer don't fit.
    case contextExceeded(prompt: Int, maxTokens: Int?, context: Int)
    /// A token that the model doesn't have, or no token at all.
    case badPrompt(String)
    /// No token is left that the request's constraint permits.
    case constraintFailed
    /// The engine has stopped.
    case stopped

    /// What was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .queueFull(let waiting): "\(waiting) requests are waiting already; try again later"
        case .contextExceeded(let prompt, let maxTokens, let context):
            "the context holds \(context) tokens, but the prompt has \(prompt)"
                + (maxTokens.map { " and the answer may have \($0)" } ?? " and leaves none for the answer")
                + "; shorten the prompt or lower max_tokens"
        case .badPrompt(let reason): reason
        case .constraintFailed:
            "no token of the model can go on as the schema or the tools ask; loosen the schema, or ask without it"
        case .stopped: "the engine has stopped; start the server again"
        }
    }
}
