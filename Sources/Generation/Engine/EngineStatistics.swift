/// Counters of an engine since its start, for `/metrics`.
public struct EngineStatistics: Sendable {
    /// Requests waiting now.
    public var waiting = 0
    /// Sequences running now.
    public var running = 0
    /// Requests taken, and of those: ended, called off.
    public var requests = 0
    /// Requests that ended by themselves.
    public var finished = 0
    /// Requests whose reader left.
    public var abandoned = 0
    /// Requests refused because the queue was full.
    public var refused = 0
    /// Sequences that were set back because pages ran out.
    public var preemptions = 0
    /// Prompt tokens computed.
    public var promptTokens = 0
    /// Prompt tokens found in the prefix cache.
    public var cachedTokens = 0
    /// Tokens generated.
    public var generatedTokens = 0
    /// Tokens that were guessed and tried.
    public var draftTokens = 0
    /// Of those, the ones that were right.
    public var acceptedDraftTokens = 0
    /// Pages of the key-value cache, and how many are in use.
    public var pages = 0
    /// Pages held by running sequences.
    public var usedPages = 0
    /// Seconds from arrival to the first token.
    public var timeToFirstToken = Histogram(bounds: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60])
    /// Seconds between tokens of a sequence.
    public var interTokenLatency = Histogram(bounds: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2.5])

    /// All zero.
    public init() {}
}

/// A histogram with fixed bounds, as Prometheus wants it.
public struct Histogram: Sendable {
    /// Upper bounds of the buckets; above the last there is one more.
    public let bounds: [Double]
    /// Values at or below each bound but above the one before.
    public private(set) var counts: [Int]
    /// Sum of all values.
    public private(set) var sum = 0.0

    /// An empty histogram.
    public init(bounds: [Double]) {
        self.bounds = bounds
        counts = [Int](repeating: 0, count: bounds.count + 1)
    }

    /// Counts one value.
    public mutating func record(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }
}
