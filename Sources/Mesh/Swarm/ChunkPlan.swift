package import ModelStore

/// Which chunk to ask whom for next: rarest first, and of a complete source what nobody else has or has coming, shared
/// out among the receivers so that each chunk leaves it about once. Of equal chunks the lowest number comes first: a model
/// can be used from its beginning on.
///
/// A state machine without clock, network or disk: the pull drives it in production, the simulator in tests. Receivers
/// compute from the same ids who fetches what from a complete source first (rendezvous hashing, Thaler and Ravishankar
/// 1998), which is what super-seeding does from the other side. And each tells, beside what it has, what a complete source
/// is about to send it: who is done with its own share doesn't fetch that too. What others say only orders the chunks:
/// whoever has nothing else on its way asks a complete source for any.
package struct ChunkPlan: Sendable {
    /// Why a request brought nothing.
    package enum Failure: Sendable {
        /// The bytes weren't those of the chunk: nothing is taken from this source any more.
        case lied
        /// The source doesn't have the chunk that it said it had.
        case refused
        /// The connection failed, or the answer stopped.
        case broken
    }

    private struct Source {
        var possession: ChunkSet
        /// What complete sources are about to send it.
        var coming: ChunkSet
        var asked: Set<Int> = []
        var failures = 0
        var isLiar = false
    }

    private let ownID: String
    private var have: ChunkSet
    /// No chunk.
    private let none: ChunkSet
    private var sources: [String: Source] = [:]
    /// All sources in random order, and where the next question begins: every node would ask the same ones first otherwise.
    private var order: [String] = []
    private var cursor = 0
    private var random: SplitMix64
    /// How many sources have all, and how many requests are under way to the others.
    private var completeCount = 0
    private var askedOfReceivers = 0
    /// How many sources may be asked; every question for a chunk looks at it.
    package private(set) var usableCount = 0
    /// How many sources that are still receiving have each chunk, and how many have it coming from a complete one.
    private var holders: [Int]
    private var awaiters: [Int]
    /// How many sources are asked for each chunk.
    private var askedCounts: [Int]
    /// What complete sources are asked for: the others are told, and leave it to this node.
    package private(set) var coming: ChunkSet
    /// Chunks whose answer is overdue: another source may be asked too.
    private var late: Set<Int> = []
    /// Chunks that somebody waits for, lowest first.
    private var urgent: [Int] = []
    /// Of each chunk, how many other receivers are to take it from a complete source before this node: none of its own
    /// share. `nil` when others receive than before, until it is needed.
    private var turns: [Int]?

    /// Requests that a source gets at once.
    package static let window = 2
    /// Receivers from which on a source gets one request from each: its line is full of them anyway, and the sooner a chunk
    /// is whole somewhere, the sooner it is passed on.
    private static let crowd = 8
    /// Requests under way to all that are receiving, for the same reason. Fewer leave lines idle.
    private static let mostAsked = 12
    /// Requests for a source that is the only one.
    package static let windowAlone = 4
    /// Failures in a row after which a source is asked no more until it is heard of again.
    private static let patience = 3

    /// A plan for what `have` lacks.
    package init(ownID: String, have: ChunkSet, random: inout some RandomNumberGenerator) {
        self.ownID = ownID
        self.have = have
        none = ChunkSet(chunkCount: have.chunkCount)
        coming = none
        holders = [Int](repeating: 0, count: have.chunkCount)
        awaiters = holders
        askedCounts = holders
        self.random = SplitMix64(seed: random.next())
    }

    /// Whether all chunks are here.
    package var isComplete: Bool { have.isComplete }
    /// Sources that may be asked.
    package var usableSources: [String] { sources.filter { Self.isUsable($0.value) }.map(\.key).sorted() }
    /// Sources whose bytes were wrong.
    package var liars: [String] { sources.filter(\.value.isLiar).map(\.key).sorted() }

    /// What a source says it has, and what it says a complete one is about to send it; makes it known if it is new.
    package mutating func update(_ id: String, has possession: ChunkSet, coming: ChunkSet? = nil) {
        guard id != ownID, possession.chunkCount == have.chunkCount else { return }
        let old = sources[id]
        guard old?.isLiar != true else { return }
        // Nobody has more coming than it may ask for: who says so doesn't keep others from anything.
        let likely = coming.flatMap { $0.chunkCount == have.chunkCount && $0.count <= mostComing ? $0 : nil }
        let coming = likely ?? none
        guard old?.possession != possession || old?.coming != coming else { return }
        var source = old ?? Source(possession: none, coming: none)
        count(&source, has: possession, coming: coming)
        set(id, source)
        if old?.possession.isComplete != possession.isComplete { turns = nil }
    }

    private var mostComing: Int { Self.windowAlone * max(completeCount, 1) }

    /// Whether it could matter what a source has now: complete ones stay so, and liars are asked nothing any more.
    package func wantsNews(of id: String) -> Bool {
        guard let source = sources[id] else { return true }
        return !source.isLiar && (!source.possession.isComplete || source.failures >= Self.patience)
    }

    /// A failed source has been heard of again.
    package mutating func forgive(_ id: String) { setFailures(id, 0) }

    /// A source is gone, with all that it was asked for.
    package mutating func remove(_ id: String) {
        for chunk in sources[id]?.asked ?? [] { withdraw(chunk, from: id) }
        guard var source = sources[id] else { return }
        count(&source, has: none, coming: none)
        set(id, nil)
        turns = nil
    }

    private static func isUsable(_ source: Source) -> Bool { !source.isLiar && source.failures < patience }

    /// Changes what is known of a source, and with it how many may be asked.
    private mutating func set(_ id: String, _ source: Source?) {
        let old = sources[id]
        sources[id] = source
        func change(_ holds: (Source) -> Bool) -> Int {
            (source.map(holds) == true ? 1 : 0) - (old.map(holds) == true ? 1 : 0)
        }
        usableCount += change(Self.isUsable)
        completeCount += change { $0.possession.isComplete }
        func underWay(_ source: Source?) -> Int { source.map { $0.possession.isComplete ? 0 : $0.asked.count } ?? 0 }
        askedOfReceivers += underWay(source) - underWay(old)
        if old == nil, source != nil { order.insert(id, at: Int.random(in: 0...order.count, using: &random)) }
        if source == nil, let place = order.firstIndex(of: id) { order.remove(at: place) }
    }

    private mutating func setFailures(_ id: String, _ count: Int) {
        guard var source = sources[id], source.failures != count else { return }
        source.failures = count
        set(id, source)
    }

    /// Changes what `source` says, and the counts with it.
    private mutating func count(_ source: inout Source, has possession: ChunkSet, coming: ChunkSet) {
        // Complete sources don't make a chunk less rare: they are asked for what is rare.
        let old = source.possession.isComplete ? none : source.possession
        Self.count(&holders, from: old, to: possession.isComplete ? none : possession)
        Self.count(&awaiters, from: source.coming, to: coming)
        source.possession = possession
        source.coming = coming
    }

    private static func count(_ counts: inout [Int], from old: ChunkSet, to new: ChunkSet) {
        let (old, new) = (old.bytes, new.bytes)
        for place in old.indices where old[place] != new[place] {
            var changed = old[place] ^ new[place]
            while changed != 0 {
                let bit = changed.trailingZeroBitCount
                counts[place << 3 + bit] += new[place] & (1 << bit) != 0 ? 1 : -1
                changed &= changed - 1
            }
        }
    }

    /// Shares out the chunks among all that receive; who has received all takes nothing any more.
    private func sharedOut() -> [Int] {
        func key(_ id: String) -> UInt64 {
            // FNV-1a: the same on every machine, which Swift's own hashing is not.
            SplitMix64.first(of: id.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
        }
        let own = key(ownID)
        let others = sources.filter { !$0.value.possession.isComplete && !$0.value.isLiar }.map { key($0.key) }
        return (0..<have.chunkCount).map { chunk in
            let rank = SplitMix64.first(of: own ^ UInt64(chunk))
            return others.count { SplitMix64.first(of: $0 ^ UInt64(chunk)) > rank }
        }
    }
}

extension ChunkPlan {
    /// The chunk to ask `id` for now, noted as asked; `nil` if it has enough to do or nothing that is wanted.
    package mutating func next(for id: String) -> Int? {
        guard var source = sources[id], Self.isUsable(source), source.asked.count < window(of: source) else {
            return nil
        }
        let choice = urgent.first { source.possession.contains($0) && isFree($0, for: source) && !have.contains($0) }
        guard
            let chunk = choice
                ?? (source.possession.isComplete ? self.choice(fromComplete: source) : self.choice(from: source))
        else { return nil }
        source.asked.insert(chunk)
        set(id, source)
        askedCounts[chunk] += 1
        if source.possession.isComplete { coming.insert(chunk) }
        return chunk
    }

    private func window(of source: Source) -> Int {
        if usableCount == 1 { return Self.windowAlone }
        if !source.possession.isComplete, askedOfReceivers >= Self.mostAsked { return 0 }
        return sources.count - completeCount >= Self.crowd ? 1 : Self.window
    }

    /// The next request to send, noted as sent; `nil` if all have enough to do.
    package mutating func nextRequest() -> (chunk: Int, source: String)? {
        for step in 0..<order.count {
            let place = (cursor + step) % order.count
            guard let chunk = next(for: order[place]) else { continue }
            cursor = place + 1
            return (chunk, order[place])
        }
        return nil
    }

    private func isFree(_ chunk: Int, for source: Source) -> Bool {
        if askedCounts[chunk] == 0 { return true }
        guard askedCounts[chunk] == 1, !source.asked.contains(chunk) else { return false }
        return late.contains(chunk) || have.chunkCount - have.count <= Self.window
    }

    /// Looks at what `source` may be asked for, lowest number first, until `isEnough`.
    private func look(at source: Source, until isEnough: (_ chunk: Int) -> Bool) {
        let (theirs, own) = (source.possession.bytes, have.bytes)
        for place in own.indices {
            var wanted = theirs[place] & ~own[place]
            while wanted != 0 {
                let chunk = place << 3 + wanted.trailingZeroBitCount
                wanted &= wanted - 1
                if isFree(chunk, for: source), isEnough(chunk) { return }
            }
        }
    }

    /// The rarest that it has.
    private func choice(from source: Source) -> Int? {
        var best: Int?
        look(at: source) { chunk in
            if best.map({ holders[chunk] < holders[$0] }) ?? true { best = chunk }
            // Its own copy counts: nothing is rarer.
            return holders[chunk] == 1
        }
        return best
    }

    /// What only complete sources have, and nobody has coming: first this node's own share, then what it is the next to
    /// take, so that helpers seldom meet. What another receiver has or has coming is left to it, unless nothing else comes.
    private mutating func choice(fromComplete source: Source) -> Int? {
        let turns = turns ?? sharedOut()
        self.turns = turns
        var best: Int?
        var left: Int?
        look(at: source) { chunk in
            if holders[chunk] + awaiters[chunk] > 0, !late.contains(chunk) {
                if left.map({ turns[chunk] < turns[$0] }) ?? true { left = chunk }
                return false
            }
            // Of others' shares the last, as they take the first: they meet once, where all is done.
            if best.map({ turns[chunk] <= turns[$0] }) ?? true { best = chunk }
            return turns[chunk] == 0
        }
        return best ?? (isStuck ? left : nil)
    }

    /// Whether nothing new is on its way but what is overdue: who else has or gets a chunk may be slow, or lie.
    private var isStuck: Bool {
        sources.values.allSatisfy { $0.asked.allSatisfy { late.contains($0) || have.contains($0) } }
    }

    /// A chunk has come, was right and is kept.
    /// - Returns: whether it is new; two sources may have been asked.
    @discardableResult
    package mutating func arrived(_ chunk: Int, from id: String) -> Bool {
        setFailures(id, 0)
        withdraw(chunk, from: id)
        guard have.insert(chunk) else { return false }
        late.remove(chunk)
        coming.remove(chunk)
        return true
    }

    /// Somebody waits for these chunks: they are asked for before all others, wherever they are.
    package mutating func hurry(_ chunks: Set<Int>) {
        urgent = chunks.filter { !have.contains($0) }.sorted()
    }

    /// Whether somebody is asked for a chunk.
    package func isAsked(_ chunk: Int) -> Bool { askedCounts[chunk] > 0 }

    /// A request brought nothing.
    package mutating func failed(_ chunk: Int, from id: String, _ failure: Failure) {
        withdraw(chunk, from: id)
        guard var source = sources[id] else { return }
        switch failure {
        case .lied:
            count(&source, has: none, coming: none)
            source.isLiar = true
        case .refused:
            var rest = source.possession
            rest.remove(chunk)
            count(&source, has: rest, coming: source.coming)
            source.failures += 1
        case .broken: source.failures += 1
        }
        set(id, source)
        if failure != .broken { turns = nil }
    }

    /// The answer for a chunk is overdue: whoever else has it may be asked too.
    package mutating func isOverdue(_ chunk: Int) {
        if isAsked(chunk) { late.insert(chunk) }
    }

    private mutating func withdraw(_ chunk: Int, from id: String) {
        guard var source = sources[id], source.asked.remove(chunk) != nil else { return }
        set(id, source)
        askedCounts[chunk] -= 1
        coming.remove(chunk)
    }
}
