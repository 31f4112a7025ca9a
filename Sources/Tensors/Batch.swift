/// Tokens of several sequences that go through a model together: prefill chunks and decode steps alike.
public struct Batch: Sendable {
    /// The tokens of one sequence.
    public struct Part: Sendable {
        /// Place of its first token in the batch.
        public let start: Int
        /// How many tokens it has here.
        public let count: Int
        /// Position of its first token in the sequence.
        public let position: Int
        /// Pages of the sequence, in order; they reach past its last token here.
        public let pages: [Int32]
    }

    /// Token ids, part after part.
    public private(set) var tokens: [Int32] = []
    /// The sequences.
    public private(set) var parts: [Part] = []

    /// An empty batch.
    public init() {}

    /// Adds the next `tokens` of a sequence, whose first one stands at `position`.
    public mutating func append(_ tokens: some Collection<Int32>, position: Int, pages: [Int32]) {
        precondition(
            !tokens.isEmpty && pages.count * CacheShape.pageTokens >= position + tokens.count,
            "pages must cover the tokens")
        parts.append(Part(start: self.tokens.count, count: tokens.count, position: position, pages: pages))
        self.tokens.append(contentsOf: tokens)
    }

    /// The position of each token in its sequence.
    public var positions: [Int] { parts.flatMap { $0.position..<($0.position + $0.count) } }
}
