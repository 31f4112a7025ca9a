/// A grammar made ready: states of an automaton with a stack, in flat tables.
///
/// A state takes bytes, divides, or calls a part of the grammar and goes on behind it. Made back to front: a part is
/// written when the state behind it is known.
struct GrammarProgram: Sendable {
    enum Kind: UInt8, Sendable {
        /// `first..<second` of ``edges``.
        case bytes
        /// `first..<second` of ``targets``.
        case split
        /// Calls the part at `first`, and goes on at `second`.
        case call
        /// Calls a part as often as ``repetitions``[`first`] says, and goes on at `second`.
        case repetition
        /// The end of a part.
        case end
    }

    struct Edge: Sendable {
        let low: UInt8
        let high: UInt8
        let target: Int32
    }

    struct Repetition: Sendable {
        var entry: Int32
        let minimum: Int32
        /// Below zero: no bound.
        let maximum: Int32
    }

    private(set) var kinds: [Kind] = []
    private(set) var firsts: [Int32] = []
    private(set) var seconds: [Int32] = []
    private(set) var edges: [Edge] = []
    private(set) var targets: [Int32] = []
    private(set) var repetitions: [Repetition] = []
    /// Where the grammar begins.
    private(set) var start: Int32 = 0
    /// Open parts needed at least to come to the end of the state's part; ``unreachable``: there is no way.
    private(set) var depths: [Int32] = []
    /// Bytes that no state tells apart have one class.
    private(set) var classes = [UInt8](repeating: 0, count: 256)
    /// A byte of each class.
    private(set) var representatives: [UInt8] = []
    let openParts: Int32
    /// The largest count of any repetition.
    var longestCount: Int32 { repetitions.reduce(0) { max($0, $1.minimum, $1.maximum) } }

    static let unreachable = Int32.max

    /// Memory of the tables.
    var byteCount: Int { kinds.count * 13 + edges.count * 8 + targets.count * 4 + repetitions.count * 12 + 1_024 }

    private init(openParts: Int) { self.openParts = Int32(clamping: openParts) }

    /// Writes `node` and all the rules that it uses.
    /// - Throws: ``GrammarError`` if that takes too many states, or no text satisfies the grammar.
    static func make(
        _ node: GrammarNode, rules: [GrammarRule: GrammarNode], limits: GrammarLimits
    ) throws(GrammarError) -> GrammarProgram {
        var writer = GrammarWriter(program: GrammarProgram(openParts: limits.openParts), limits: limits)
        var program = try writer.write(node, rules: rules)
        program.depths = program.leastDepths(takingBytes: true)
        guard program.depths[Int(program.start)] <= program.openParts else {
            throw GrammarError(reason: "no text of finite depth satisfies it")
        }
        let empty = program.leastDepths(takingBytes: false)
        for repetition in program.repetitions where empty[Int(repetition.entry)] != unreachable {
            throw GrammarError(reason: "it repeats something that may be empty")
        }
        program.classify()
        return program
    }

    mutating func add(_ kind: Kind, _ first: Int, _ second: Int) -> Int32 {
        kinds.append(kind)
        firsts.append(Int32(first))
        seconds.append(Int32(second))
        return Int32(kinds.count - 1)
    }

    mutating func addBytes(_ list: [Edge]) -> Int32 {
        edges.append(contentsOf: list)
        return add(.bytes, edges.count - list.count, edges.count)
    }

    mutating func addSplit(_ list: [Int32]) -> Int32 {
        targets.append(contentsOf: list)
        return add(.split, targets.count - list.count, targets.count)
    }

    mutating func addRepetition(entry: Int32, minimum: Int, maximum: Int?, next: Int32) -> Int32 {
        repetitions.append(
            Repetition(
                entry: entry, minimum: Int32(clamping: minimum), maximum: maximum.map { Int32(clamping: $0) } ?? -1))
        return add(.repetition, repetitions.count - 1, Int(next))
    }

    /// Makes a state that was reserved before pass on to `target`.
    mutating func patch(_ state: Int32, to target: Int32) {
        targets.append(target)
        kinds[Int(state)] = .split
        firsts[Int(state)] = Int32(targets.count - 1)
        seconds[Int(state)] = Int32(targets.count)
    }

    /// Makes a state that was reserved before take bytes.
    mutating func patch(_ state: Int32, bytes list: [Edge]) {
        edges.append(contentsOf: list)
        kinds[Int(state)] = .bytes
        firsts[Int(state)] = Int32(edges.count - list.count)
        seconds[Int(state)] = Int32(edges.count)
    }

    mutating func begin(at state: Int32) { start = state }

    func edges(of state: Int32) -> ArraySlice<Edge> { edges[Int(firsts[Int(state)])..<Int(seconds[Int(state)])] }

    func targets(of state: Int32) -> ArraySlice<Int32> { targets[Int(firsts[Int(state)])..<Int(seconds[Int(state)])] }

    private mutating func classify() {
        var isStart = [Bool](repeating: false, count: 257)
        for edge in edges {
            isStart[Int(edge.low)] = true
            isStart[Int(edge.high) + 1] = true
        }
        isStart[0] = true
        representatives = []
        for byte in 0..<256 {
            if isStart[byte] { representatives.append(UInt8(byte)) }
            classes[byte] = UInt8(representatives.count - 1)
        }
    }

    /// For each state the least number of parts open at once on a way to the end of its own part.
    ///
    /// Shortest paths by buckets; a call costs one more than the part that it calls. With `takingBytes` false only ways
    /// without a byte count.
    private func leastDepths(takingBytes: Bool) -> [Int32] {
        let sources = sourceLists(takingBytes: takingBytes)
        var depths = [Int32](repeating: Self.unreachable, count: kinds.count)
        var buckets: [[Int32]] = [kinds.indices.filter { kinds[$0] == .end }.map { Int32($0) }]
        var depth = 0
        while depth < buckets.count {
            while let state = buckets[depth].popLast() {
                guard depths[Int(state)] == Self.unreachable else { continue }
                depths[Int(state)] = Int32(depth)
                for place in sources.starts[Int(state)]..<sources.starts[Int(state) + 1] {
                    let source = sources.list[Int(place)]
                    guard depths[Int(source)] == Self.unreachable,
                        let reached = depthThrough(source, depth, depths)
                    else { continue }
                    while buckets.count <= reached { buckets.append([]) }
                    buckets[reached].append(source)
                }
            }
            depth += 1
        }
        return depths
    }

    private func depthThrough(_ source: Int32, _ depth: Int, _ depths: [Int32]) -> Int? {
        let entry: Int32
        switch kinds[Int(source)] {
        case .bytes, .split, .end: return depth
        case .call: entry = firsts[Int(source)]
        case .repetition:
            let repetition = repetitions[Int(firsts[Int(source)])]
            entry = repetition.entry
            if repetition.minimum == 0 {
                let next = depths[Int(seconds[Int(source)])]
                return next == Self.unreachable ? nil : Int(next)
            }
        }
        let (inner, next) = (depths[Int(entry)], depths[Int(seconds[Int(source)])])
        guard inner != Self.unreachable, next != Self.unreachable else { return nil }
        return max(Int(inner) + 1, Int(next))
    }

    private func sourceLists(takingBytes: Bool) -> (starts: [Int32], list: [Int32]) {
        func forEachStep(_ body: (_ source: Int32, _ target: Int32) -> Void) {
            for state in kinds.indices.map({ Int32($0) }) {
                switch kinds[Int(state)] {
                case .bytes: if takingBytes { for edge in edges(of: state) { body(state, edge.target) } }
                case .split: for target in targets(of: state) { body(state, target) }
                case .call:
                    body(state, firsts[Int(state)])
                    body(state, seconds[Int(state)])
                case .repetition:
                    body(state, repetitions[Int(firsts[Int(state)])].entry)
                    body(state, seconds[Int(state)])
                case .end: break
                }
            }
        }
        var starts = [Int32](repeating: 0, count: kinds.count + 1)
        forEachStep { _, target in starts[Int(target) + 1] += 1 }
        for place in 1..<starts.count { starts[place] += starts[place - 1] }
        var cursors = starts
        var list = [Int32](repeating: 0, count: Int(starts.last ?? 0))
        forEachStep { source, target in
            list[Int(cursors[Int(target)])] = source
            cursors[Int(target)] += 1
        }
        return (starts, list)
    }
}
