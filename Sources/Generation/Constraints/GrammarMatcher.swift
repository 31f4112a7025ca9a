import Synchronization

/// A grammar over a vocabulary: knows which tokens may come where, and remembers it for all who share it.
final class GrammarMatcher: Sendable {
    /// A place in the text; valid as long as the matcher lives.
    struct Position: Sendable {
        fileprivate var generation: Int
        fileprivate var state: Int32
        /// The state itself, for the time when the tables have been cleared.
        fileprivate var snapshot: [[StateTables.Frame]]
    }

    private struct Shared: Sendable {
        var tables: StateTables
        var generation = 0
    }

    /// Memory that remembered states and masks may take.
    static let tableBytes = 16 << 20
    /// Steps that one mask may cost: a fraction of a second. What isn't found until then is not allowed.
    private static let maskSteps = 5_000_000
    private static let tokenSteps = 2_000_000

    let vocabulary: VocabularyIndex
    private let endTokens: [Int32]
    private let programBytes: Int
    private let shared: Mutex<Shared>
    private let memory: Atomic<Int>
    private let tableLimit: Int

    init(program: GrammarProgram, vocabulary: VocabularyIndex, endTokens: Set<Int32>, tableBytes: Int = tableBytes) {
        self.vocabulary = vocabulary
        self.endTokens = endTokens.filter { $0 >= 0 && Int($0) < vocabulary.tokenCount }.sorted()
        tableLimit = tableBytes
        programBytes = program.byteCount
        memory = Atomic(program.byteCount)
        shared = Mutex(Shared(tables: StateTables(program: program)))
    }

    /// Memory in use, about.
    var byteCount: Int { memory.load(ordering: .relaxed) }

    /// The beginning of the text.
    func start() -> Position {
        use { shared in
            shared.tables.budget = Self.tokenSteps
            return position(of: shared.tables.start(), shared)
        }
    }

    /// The place behind `bytes`; nil if these can't come.
    func advance(_ position: Position, by bytes: some Collection<UInt8>) -> Position? {
        use { shared in
            shared.tables.budget = Self.tokenSteps
            var state = self.state(of: position, &shared)
            for byte in bytes {
                guard state >= 0 else { return nil }
                state = shared.tables.next(state, byte)
            }
            return state >= 0 ? self.position(of: state, shared) : nil
        }
    }

    /// Whether the text may end here.
    func mayEnd(_ position: Position) -> Bool {
        use { shared in
            let state = self.state(of: position, &shared)
            return state >= 0 && shared.tables.isAccepting[Int(state)]
        }
    }

    /// Whether `bytes` may come as a whole text.
    func accepts(_ bytes: some Collection<UInt8>) -> Bool {
        guard let position = advance(start(), by: bytes) else { return false }
        return mayEnd(position)
    }

    /// The tokens that may come here; end tokens among them where the text may end.
    func mask(_ position: Position) -> TokenMask {
        use { shared in
            var state = self.state(of: position, &shared)
            guard state >= 0 else { return TokenMask(count: vocabulary.tokenCount) }
            if let known = shared.tables.masks[state] { return known }
            state = shared.tables.equivalent(state, forBytes: Int32(clamping: vocabulary.longestToken))
            if let known = shared.tables.masks[state] { return known }
            shared.tables.budget = Self.maskSteps
            var mask = TokenMask(count: vocabulary.tokenCount)
            vocabulary.collect(from: state, &shared.tables, into: &mask)
            for token in endTokens { mask[Int(token)] = shared.tables.isAccepting[Int(state)] }
            shared.tables.addMask(mask, of: state)
            return mask
        }
    }

    private func use<Result: Sendable>(_ body: (inout Shared) -> Result) -> Result {
        shared.withLock { (shared: inout Shared) -> Result in
            if shared.tables.byteCount > tableLimit {
                shared.tables.clear()
                shared.generation += 1
            }
            let result = body(&shared)
            memory.store(programBytes + shared.tables.byteCount, ordering: .relaxed)
            return result
        }
    }

    private func position(of state: Int32, _ shared: Shared) -> Position {
        Position(generation: shared.generation, state: state, snapshot: shared.tables.snapshot(of: state))
    }

    private func state(of position: Position, _ shared: inout Shared) -> Int32 {
        guard position.generation != shared.generation else { return position.state }
        return position.snapshot.isEmpty ? StateTables.dead : shared.tables.restore(position.snapshot)
    }
}

extension VocabularyIndex {
    /// Adds all tokens that may come at `state` to `mask`.
    ///
    /// Walks the tree and the automaton side by side. A branch of whole characters all of which lead back to the same
    /// state is taken at once.
    func collect(from state: Int32, _ tables: inout StateTables, into mask: inout TokenMask) {
        let (bytes, depths, ends) = (bytes, depths, ends)
        var states = [Int32](repeating: state, count: longestToken + 1)
        var node = 1
        if takesBranch(0, state, &tables) {
            add(tokens[...], to: &mask)
            return
        }
        while node < bytes.count {
            let depth = Int(depths[node])
            let next = tables.next(states[depth - 1], bytes[node])
            guard next >= 0 else {
                node = Int(ends[node])
                continue
            }
            states[depth] = next
            if Int(ends[node]) > node + 1, takesBranch(node, next, &tables) {
                add(tokens[Int(tokenStarts[node])..<Int(tokenStarts[Int(ends[node])])], to: &mask)
                node = Int(ends[node])
            } else {
                add(tokens[Int(tokenStarts[node])..<Int(tokenStarts[node + 1])], to: &mask)
                node += 1
            }
        }
    }

    private func takesBranch(_ node: Int, _ state: Int32, _ tables: inout StateTables) -> Bool {
        // For small branches finding out costs more than walking.
        guard isWhole[node], Int(ends[node]) - node > 24 || tables.knowsLoops(of: state) else { return false }
        return tables.looping(state).covers(
            asciiLow: asciiLow[node], asciiHigh: asciiHigh[node], others: hasOthers[node])
    }

    private func add(_ tokens: ArraySlice<Int32>, to mask: inout TokenMask) {
        for token in tokens { mask.words[Int(token) >> 6] |= 1 << UInt64(token & 63) }
    }
}
