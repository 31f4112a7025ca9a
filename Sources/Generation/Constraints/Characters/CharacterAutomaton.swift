/// A finite automaton over characters (Unicode scalars); begins in state 0.
struct CharacterAutomaton: Sendable {
    struct Edge: Sendable {
        let set: ScalarSet
        let target: Int
    }

    /// Sets of one state's edges don't overlap.
    var edges: [[Edge]]
    var isAccepting: [Bool]

    /// Any text.
    static let any = CharacterAutomaton(edges: [[Edge(set: .all, target: 0)]], isAccepting: [true])

    init(edges: [[Edge]], isAccepting: [Bool]) {
        self.edges = edges
        self.isAccepting = isAccepting
    }

    /// Texts of `minimum` to `maximum` characters.
    init(minimum: Int, maximum: Int?) {
        edges = []
        isAccepting = []
        let last = maximum ?? minimum
        for count in 0...max(0, last) {
            isAccepting.append(count >= minimum)
            if count < last {
                edges.append([Edge(set: .all, target: count + 1)])
            } else {
                edges.append(maximum == nil ? [Edge(set: .all, target: count)] : [])
            }
        }
    }

    /// Any text in which none of `words` stands.
    init(excluding words: [String]) {
        let search = WordSearch(words.map { $0.unicodeScalars.map(\.value) })
        let symbols = search.symbols.sorted()
        let others = ScalarSet(symbols.map { $0...$0 }).complement
        edges = []
        isAccepting = []
        for state in 0..<search.count {
            isAccepting.append(!search.isFound[state])
            var sets: [Int: [ClosedRange<UInt32>]] = [0: others.ranges]
            for symbol in symbols { sets[search.next(state, symbol), default: []].append(symbol...symbol) }
            edges.append(
                sets.filter { !search.isFound[$0.key] && !search.isFound[state] }
                    .sorted { $0.key < $1.key }.map { Edge(set: ScalarSet($0.value), target: $0.key) })
        }
    }

    /// Any text but `words` themselves.
    init(except words: [String]) {
        edges = [[]]
        isAccepting = [true]
        var steps: [[UInt32: Int]] = [[:]]
        for word in words {
            var state = 0
            for scalar in word.unicodeScalars {
                if let next = steps[state][scalar.value] {
                    state = next
                } else {
                    steps[state][scalar.value] = steps.count
                    state = steps.count
                    steps.append([:])
                    isAccepting.append(true)
                }
            }
            isAccepting[state] = false
        }
        let free = steps.count
        edges = steps.map { steps in
            let known = ScalarSet(steps.keys.map { $0...$0 })
            return steps.sorted { $0.key < $1.key }.map { Edge(set: ScalarSet($0.key), target: $0.value) }
                + [Edge(set: known.complement, target: free)]
        }
        edges.append([Edge(set: .all, target: free)])
        isAccepting.append(true)
    }

    /// The texts that both accept; nil if that takes more than `limit` states.
    func intersection(_ other: CharacterAutomaton, limit: Int) -> CharacterAutomaton? {
        var result = CharacterAutomaton(edges: [], isAccepting: [])
        var pairs = [(0, 0)]
        var places = [0: 0]
        var place = 0
        while place < pairs.count {
            let (left, right) = pairs[place]
            place += 1
            result.isAccepting.append(isAccepting[left] && other.isAccepting[right])
            var found: [Edge] = []
            for a in edges[left] {
                for b in other.edges[right] {
                    let set = a.set.intersection(b.set)
                    guard !set.isEmpty else { continue }
                    let key = a.target * other.edges.count + b.target
                    if places[key] == nil {
                        guard pairs.count < limit else { return nil }
                        places[key] = pairs.count
                        pairs.append((a.target, b.target))
                    }
                    found.append(Edge(set: set, target: places[key] ?? 0))
                }
            }
            result.edges.append(found)
        }
        return result
    }

    /// The same without states from which no text is accepted; nil if that leaves nothing.
    func trimmed() -> CharacterAutomaton? {
        var sources = [[Int]](repeating: [], count: edges.count)
        for (state, edges) in edges.enumerated() { for edge in edges { sources[edge.target].append(state) } }
        var isAlive = isAccepting
        var queue = isAccepting.indices.filter { isAccepting[$0] }
        while let state = queue.popLast() {
            for source in sources[state] where !isAlive[source] {
                isAlive[source] = true
                queue.append(source)
            }
        }
        guard isAlive.first == true else { return nil }
        var numbers = [Int](repeating: -1, count: edges.count)
        var count = 0
        for state in edges.indices where isAlive[state] {
            numbers[state] = count
            count += 1
        }
        let kept = edges.indices.filter { isAlive[$0] }
        return CharacterAutomaton(
            edges: kept.map { state in
                edges[state].filter { isAlive[$0.target] }.map { Edge(set: $0.set, target: numbers[$0.target]) }
            },
            isAccepting: kept.map { isAccepting[$0] })
    }
}
