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
