/// Why no grammar can be made.
public struct GrammarError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where in the schema, as a JSON pointer (RFC 6901); empty: the whole.
    public let path: String
    /// What is wrong, and what to do.
    public let reason: String

    /// An error at a place of the schema.
    public init(path: String = "", reason: String) {
        self.path = path
        self.reason = reason
    }

    /// Place and reason in one line.
    public var description: String { path.isEmpty ? "schema: \(reason)" : "schema at '\(path)': \(reason)" }
}

/// How much a grammar may hold before it is refused; bounds time and memory of making it.
public struct GrammarLimits: Sendable {
    /// Schemas inside each other.
    public var depth = 64
    /// JSON values in the schema.
    public var values = 50_000
    /// Bytes of all keys and strings of the schema together.
    public var bytes = 2 << 20
    /// Values of all `enum` together.
    public var enumValues = 20_000
    /// Bytes of one `pattern`.
    public var patternBytes = 4_096
    /// Times that a part of a pattern may be repeated.
    public var patternRepetitions = 1_000
    /// States of one pattern's automaton.
    public var patternStates = 5_000
    /// Steps spent on making one pattern's automaton.
    public var patternSteps = 1_500_000
    /// Steps spent on patterns, numbers and names of the whole schema.
    public var steps = 4_000_000
    /// States of the whole grammar.
    public var states = 300_000
    /// Parts of the grammar that generated text may have open at once; about two per level of JSON.
    public var openParts = 128

    /// Limits of one's own.
    public init() {}

    /// The usual limits.
    public static let `default` = GrammarLimits()
}
