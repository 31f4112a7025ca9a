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

/// A finite automaton over bytes; begins in state 0.
struct ByteAutomaton: Sendable {
    struct Edge: Sendable {
        let bytes: ClosedRange<UInt8>
        let target: Int
    }

    var edges: [[Edge]]
    var isAccepting: [Bool]

    /// A tree of `words`: exactly these texts.
    init(words: [[UInt8]]) {
        edges = [[]]
        isAccepting = [false]
        var steps: [UInt64: Int] = [:]
        for word in words {
            var state = 0
            for byte in word {
                let step = UInt64(state) << 8 | UInt64(byte)
                if let next = steps[step] {
                    state = next
                } else {
                    let next = edges.count
                    edges[state].append(Edge(bytes: byte...byte, target: next))
                    edges.append([])
                    isAccepting.append(false)
                    steps[step] = next
                    state = next
                }
            }
            isAccepting[state] = true
        }
    }

    init(edges: [[Edge]], isAccepting: [Bool]) {
        self.edges = edges
        self.isAccepting = isAccepting
    }

    /// Any bytes in which none of `words` stands (Aho and Corasick 1975).
    init(excluding words: [[UInt8]]) {
        let search = WordSearch(words.map { $0.map(UInt32.init) })
        edges = []
        isAccepting = []
        for state in 0..<search.count {
            edges.append([])
            isAccepting.append(!search.isFound[state])
            guard !search.isFound[state] else { continue }
            var start: UInt8 = 0
            var target = search.next(state, 0)
            for byte in UInt8(1)...255 {
                let next = search.next(state, UInt32(byte))
                guard next != target else { continue }
                if !search.isFound[target] { edges[state].append(Edge(bytes: start...(byte - 1), target: target)) }
                start = byte
                target = next
            }
            if !search.isFound[target] { edges[state].append(Edge(bytes: start...255, target: target)) }
        }
    }
}

/// The automaton that finds words in a text (Aho and Corasick, Communications of the ACM 18(6), 1975).
struct WordSearch {
    private var steps: [[UInt32: Int]] = [[:]]
    private var fallbacks = [0]
    /// Whether a word ends in a state.
    private(set) var isFound = [false]
    /// Symbols that occur in the words.
    private(set) var symbols: Set<UInt32> = []

    init(_ words: [[UInt32]]) {
        for word in words where !word.isEmpty {
            var state = 0
            for symbol in word {
                symbols.insert(symbol)
                if let next = steps[state][symbol] {
                    state = next
                } else {
                    steps[state][symbol] = steps.count
                    state = steps.count
                    steps.append([:])
                    fallbacks.append(0)
                    isFound.append(false)
                }
            }
            isFound[state] = true
        }
        var queue = Array(steps[0].values)
        var place = 0
        while place < queue.count {
            let state = queue[place]
            place += 1
            for (symbol, child) in steps[state] {
                fallbacks[child] = next(fallbacks[state], symbol)
                if isFound[fallbacks[child]] { isFound[child] = true }
                queue.append(child)
            }
        }
    }

    var count: Int { steps.count }

    func next(_ state: Int, _ symbol: UInt32) -> Int {
        var state = state
        while true {
            if let next = steps[state][symbol] { return next }
            if state == 0 { return 0 }
            state = fallbacks[state]
        }
    }
}
