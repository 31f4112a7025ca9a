import Synchronization

/// Names a part of a grammar that is used in several places, or inside itself.
struct GrammarRule: Hashable, Sendable {
    let id: UInt64

    private static let counter = Atomic<UInt64>(1_000)

    /// A rule like no other; ids below 1,000 are for the parts of JSON itself.
    static func fresh() -> GrammarRule { GrammarRule(id: counter.add(1, ordering: .relaxed).newValue) }
}

/// What a text may be, byte by byte.
indirect enum GrammarNode: Sendable {
    /// These bytes; none: nothing at all.
    case bytes([UInt8])
    /// One byte out of these.
    case oneOf([ClosedRange<UInt8>])
    /// One behind the other.
    case sequence([GrammarNode])
    /// Any one of these; none of them: no text.
    case choice([GrammarNode])
    /// The same several times; it must not be empty itself.
    case repetition(GrammarNode, minimum: Int, maximum: Int?)
    case rule(GrammarRule)
    case automaton(ByteAutomaton)
    case characters(CharacterAutomaton, CharacterEncoding)
    case members(GrammarMembers)

    static func text(_ text: String) -> GrammarNode { .bytes(Array(text.utf8)) }

    static let empty = GrammarNode.bytes([])

    static func optional(_ node: GrammarNode) -> GrammarNode { .choice([node, .empty]) }
}

/// A list of members in a fixed order, some of which may be left out, with separators between those that are there.
struct GrammarMembers: Sendable {
    struct Member: Sendable {
        /// What stands before the value: the key and its colon.
        let key: GrammarNode
        let value: GrammarNode
        let isRequired: Bool
    }

    var members: [Member]
    /// Members of another kind behind them.
    var rest: (member: GrammarNode, minimum: Int, maximum: Int?)?
    var separator: GrammarNode
    /// The end if there are no members, and if there are some.
    var emptyEnd: GrammarNode
    var filledEnd: GrammarNode
}
