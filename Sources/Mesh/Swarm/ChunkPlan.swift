package import ModelStore

/// Which chunk to ask whom for next: rarest first, and of a complete source what nobody else has yet, shared out among
/// the receivers so that each chunk leaves it about once.
///
/// A state machine without clock, network or disk: the pull drives it in production, the simulator in tests. Receivers
/// don't talk to each other about it: all of them compute from the same ids who fetches what from the origin first
/// (rendezvous hashing, Thaler and Ravishankar 1998), which is what super-seeding does from the other side.
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
        var asked: Set<Int> = []
        var failures = 0
        var isLiar = false
    }

    private let ownID: String
    private var have: ChunkSet
    /// In random order, so that equal choices differ from node to node.
    private var missing: [Int]
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
    /// How many sources that are still receiving have each chunk.
    private var holders: [Int]
    /// Who is asked for a chunk.
    private var requests: [Int: Set<String>] = [:]
    /// Chunks whose answer is overdue: another source may be asked too.
    private var late: Set<Int> = []
    /// Who takes each chunk from a complete source first, and its rank among what that node takes.
    private var shares: [(isOwn: Bool, rank: UInt64)] = []

    /// Requests that a source gets at once.
    package static let window = 2
    /// Receivers from which on a complete source gets one request from each: its line is full of them anyway, and the sooner a
    /// chunk is whole somewhere, the sooner it is passed on.
    private static let crowd = 8
    /// Requests under way to all that are receiving, for the same reason.
    private static let mostAsked = 16
    /// Requests for a source that is the only one.
    package static let windowAlone = 4
    /// Failures in a row after which a source is asked no more until it is heard of again.
    private static let patience = 3

    /// A plan for what `have` lacks.
    package init(ownID: String, have: ChunkSet, random: inout some RandomNumberGenerator) {
        self.ownID = ownID
        self.have = have
        missing = (0..<have.chunkCount).filter { !have.contains($0) }.shuffled(using: &random)
        holders = [Int](repeating: 0, count: have.chunkCount)
        self.random = SplitMix64(seed: random.next())
        shareOut()
    }

    /// Whether all chunks are here.
    package var isComplete: Bool { have.isComplete }
    /// Sources that may be asked.
    package var usableSources: [String] { sources.filter { Self.isUsable($0.value) }.map(\.key).sorted() }
    /// Sources whose bytes were wrong.
    package var liars: [String] { sources.filter(\.value.isLiar).map(\.key).sorted() }

    /// What a source says it has; makes it known if it is new, and gives it another chance if it had failed.
    package mutating func update(_ id: String, has possession: ChunkSet) {
        guard id != ownID, possession.chunkCount == have.chunkCount else { return }
        let old = sources[id]
        guard old?.isLiar != true, old?.possession != possession else { return }
        count(old?.possession, by: -1)
        count(possession, by: 1)
        var source = old ?? Source(possession: possession)
        source.possession = possession
        set(id, source)
        if old.map({ $0.possession.isComplete != possession.isComplete }) ?? true { shareOut() }
    }

    /// Whether it could matter what a source has now: complete ones stay so, and liars are asked nothing any more.
    package func wantsNews(of id: String) -> Bool {
        guard let source = sources[id] else { return true }
        return !source.isLiar && (!source.possession.isComplete || source.failures >= Self.patience)
    }

    /// A failed source has been heard of again.
    package mutating func forgive(_ id: String) { setFailures(id, 0) }

    /// A source is gone, with all that it was asked for.
    package mutating func remove(_ id: String) {
        guard let source = sources[id] else { return }
        set(id, nil)
        count(source.possession, by: -1)
        for chunk in source.asked { withdraw(chunk, from: id) }
        shareOut()
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

    private mutating func count(_ possession: ChunkSet?, by step: Int) {
        guard let possession, !possession.isComplete else { return }
        for chunk in missing where possession.contains(chunk) { holders[chunk] += step }
    }

    /// Shares out the chunks among all that receive; who has received all takes nothing any more.
    private mutating func shareOut() {
        let others = sources.filter { !$0.value.possession.isComplete && !$0.value.isLiar }.map(\.key)
        let keys = ([ownID] + others).map { id in
            (
                isOwn: id == ownID,
                key: SplitMix64.first(
                    of:
                        id.utf8.reduce(0xCBF2_9CE4_8422_2325) {
                            // FNV-1a: the same on every machine, which Swift's own hashing is not.
                            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
                        })
            )
        }
        shares = (0..<have.chunkCount).map { chunk in
            var best: (isOwn: Bool, rank: UInt64) = (true, 0)
            for (isOwn, key) in keys {
                let rank = SplitMix64.first(of: key ^ UInt64(chunk))
                if rank >= best.rank { best = (isOwn, rank) }
            }
            return best
        }
    }
}

extension ChunkPlan {
    /// The chunk to ask `id` for now, noted as asked; `nil` if it has enough to do or nothing that is wanted.
    package mutating func next(for id: String) -> Int? {
        guard var source = sources[id], Self.isUsable(source), source.asked.count < window(of: source) else {
            return nil
        }
        guard let chunk = source.possession.isComplete ? choice(fromComplete: source) : choice(from: source) else {
            return nil
        }
        source.asked.insert(chunk)
        set(id, source)
        requests[chunk, default: []].insert(id)
        return chunk
    }

    private func window(of source: Source) -> Int {
        if usableCount == 1 { return Self.windowAlone }
        if !source.possession.isComplete { return askedOfReceivers < Self.mostAsked ? Self.window : 0 }
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
        guard let asked = requests[chunk], !asked.isEmpty else { return true }
        guard !source.asked.contains(chunk) else { return false }
        return asked.count == 1 && (late.contains(chunk) || missing.count <= Self.window)
    }

    /// The rarest that it has.
    private func choice(from source: Source) -> Int? {
        var best: (chunk: Int, holders: Int)?
        for chunk in missing where source.possession.contains(chunk) && isFree(chunk, for: source) {
            if best.map({ holders[chunk] < $0.holders }) ?? true { best = (chunk, holders[chunk]) }
        }
        return best?.chunk
    }

    /// What only complete sources have: first this node's own share, highest rank first; then any of the others' shares, by
    /// chance, so that helpers seldom meet. What another receiver has already is left to it, but for the last few.
    private func choice(fromComplete source: Source) -> Int? {
        var own: (chunk: Int, rank: UInt64)?
        var others: Int?
        var held: Int?
        for chunk in missing where isFree(chunk, for: source) {
            if holders[chunk] > 0, !late.contains(chunk) {
                held = held ?? chunk
            } else if !shares[chunk].isOwn {
                others = others ?? chunk
            } else if own.map({ shares[chunk].rank > $0.rank }) ?? true {
                own = (chunk, shares[chunk].rank)
            }
        }
        return own?.chunk ?? others ?? (missing.count <= Self.window * sources.count ? held : nil)
    }

    /// A chunk has come, was right and is kept.
    /// - Returns: whether it is new; two sources may have been asked.
    @discardableResult
    package mutating func arrived(_ chunk: Int, from id: String) -> Bool {
        setFailures(id, 0)
        withdraw(chunk, from: id)
        guard have.insert(chunk) else { return false }
        late.remove(chunk)
        if let place = missing.firstIndex(of: chunk) {
            missing.swapAt(place, missing.count - 1)
            missing.removeLast()
        }
        return true
    }

    /// Whether somebody is asked for a chunk.
    package func isAsked(_ chunk: Int) -> Bool { requests[chunk] != nil }

    /// A request brought nothing.
    package mutating func failed(_ chunk: Int, from id: String, _ failure: Failure) {
        withdraw(chunk, from: id)
        guard var source = sources[id] else { return }
        switch failure {
        case .lied:
            count(source.possession, by: -1)
            source.isLiar = true
            source.possession = ChunkSet(chunkCount: have.chunkCount)
        case .refused:
            count(source.possession, by: -1)
            source.possession.remove(chunk)
            count(source.possession, by: 1)
            source.failures += 1
        case .broken: source.failures += 1
        }
        set(id, source)
        if failure != .broken { shareOut() }
    }

    /// The answer for a chunk is overdue: whoever else has it may be asked too.
    package mutating func isOverdue(_ chunk: Int) {
        if requests[chunk] != nil { late.insert(chunk) }
    }

    private mutating func withdraw(_ chunk: Int, from id: String) {
        if var source = sources[id], source.asked.remove(chunk) != nil { set(id, source) }
        requests[chunk]?.remove(id)
        if requests[chunk]?.isEmpty == true { requests[chunk] = nil }
    }
}
