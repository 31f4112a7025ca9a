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
