public import Tensors

/// The limits of an engine.
public struct EngineOptions: Sendable {
    /// Tokens that a sequence may have, prompt and answer together.
    public var contextTokens: Int
    /// Tokens that the key-value cache holds for all sequences together.
    public var cacheTokens: Int
    /// How that cache keeps them.
    public var cacheFormat = CacheFormat.bf16
    /// Sequences that run side by side.
    public var parallel = 16
    /// Requests that may wait; further ones are refused.
    public var queue = 64
    /// Tokens of prompts that one step takes at most.
    public var chunkTokens = 512
    /// How long a step may take while answers are being written, so that they keep their pace.
    public var mixedStep: Duration = .milliseconds(150)
    /// Rows that such a step has at least, whatever they take: fewer would waste what reading the weights costs.
    /// Rows that a step has at least, whatever they take: fewer would waste what reading the weights costs.
    static let leastRows = 32
    /// How long a step of prompts alone may take: cancelling waits for it.
    public var promptStep: Duration = .milliseconds(800)

    /// Tokens of an answer that are guessed from what was written before and tried in one step, at most; 0: none. The text
    /// is the same without, and how many it pays to try is measured.
    public var draftTokens = Self.usualDraftTokens
    /// Whether as many as are guessed are tried, whatever that costs: for tests.
    package var triesAllGuesses = false
    /// ``draftTokens`` where nobody asks for others.
    public static let usualDraftTokens = 16

    /// Limits with the usual rest.
    public init(contextTokens: Int, cacheTokens: Int) {
        self.contextTokens = contextTokens
        self.cacheTokens = cacheTokens
    }
}
