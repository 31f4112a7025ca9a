/// Writes nodes of a grammar as states of a program.
struct GrammarWriter {
    private struct Ending: Hashable {
        let ranges: [ClosedRange<UInt8>]
        let target: Int32
    }

    var program: GrammarProgram
    let limits: GrammarLimits
    private var entries: [GrammarRule: Int32] = [:]
    private var pending: [GrammarRule] = []
    private var end: Int32 = 0
    /// How characters of a set are written, kept since sets repeat from state to state.
    private var sequences: [CharacterEncoding: [ScalarSet: [[ClosedRange<UInt8>]]]] = [:]

    init(program: GrammarProgram, limits: GrammarLimits) {
        self.program = program
        self.limits = limits
    }

    mutating func write(
        _ node: GrammarNode, rules: [GrammarRule: GrammarNode]
    ) throws(GrammarError) -> GrammarProgram {
        end = program.add(.end, 0, 0)
        program.begin(at: try write(node, next: end))
        while let rule = pending.popLast() {
            guard let body = rules[rule], let entry = entries[rule] else {
                throw GrammarError(reason: "it refers to a part that isn't there")
            }
            program.patch(entry, to: try write(body, next: end))
        }
        return program
    }

    private func check() throws(GrammarError) {
        guard program.kinds.count <= limits.states, program.edges.count <= limits.states * 4 else {
            throw GrammarError(reason: "it takes more than \(limits.states) states; make the schema smaller")
        }
    }

    /// Writes `node` with the state `next` behind it.
    /// - Returns: where it begins.
    private mutating func write(_ node: GrammarNode, next: Int32) throws(GrammarError) -> Int32 {
        try check()
        switch node {
        case .bytes(let bytes):
            var next = next
            for byte in bytes.reversed() { next = program.addBytes([.init(low: byte, high: byte, target: next)]) }
            return next
        case .oneOf(let ranges):
            return program.addBytes(ranges.map { .init(low: $0.lowerBound, high: $0.upperBound, target: next) })
        case .sequence(let parts):
            var next = next
            for part in parts.reversed() { next = try write(part, next: next) }
            return next
        case .choice(let parts):
            var starts: [Int32] = []
            for part in parts { starts.append(try write(part, next: next)) }
            return divide(starts)
        case .repetition(let part, let minimum, let maximum):
            if let maximum, maximum < minimum { return program.addBytes([]) }
            if maximum == 0 { return next }
            if minimum == 1, maximum == 1 { return try write(part, next: next) }
            if minimum == 0, maximum == 1 { return divide([try write(part, next: next), next]) }
            let entry = try write(part, next: end)
            return program.addRepetition(entry: entry, minimum: minimum, maximum: maximum, next: next)
        case .rule(let rule):
            let entry = entries[rule] ?? program.add(.bytes, 0, 0)
            if entries[rule] == nil {
                entries[rule] = entry
                pending.append(rule)
            }
            return program.add(.call, Int(entry), Int(next))
        case .automaton(let automaton): return try write(automaton, next: next)
        case .characters(let automaton, let encoding): return try write(automaton, encoding, next: next)
        case .members(let members): return try write(members, next: next)
        }
    }

    /// One state for several ways to go on; ways that begin with bytes need no division.
    private mutating func divide(_ starts: [Int32]) -> Int32 {
        guard starts.count != 1 else { return starts[0] }
        if starts.allSatisfy({ program.kinds[Int($0)] == .bytes }) {
            // A long list would be copied once more for each further way.
            let count = starts.reduce(0) { $0 + program.edges(of: $1).count }
            if count <= 32 { return program.addBytes(starts.flatMap { Array(program.edges(of: $0)) }) }
        }
        return program.addSplit(starts)
    }

    private mutating func write(_ automaton: ByteAutomaton, next: Int32) throws(GrammarError) -> Int32 {
        let heads = try reserve(automaton.isAccepting, next: next)
        for (state, edges) in automaton.edges.enumerated() {
            program.patch(
                heads.bytes[state],
                bytes: edges.map {
                    .init(low: $0.bytes.lowerBound, high: $0.bytes.upperBound, target: heads.entries[$0.target])
                })
        }
        try check()
        return heads.entries.first ?? next
    }

    private mutating func reserve(
        _ isAccepting: [Bool], next: Int32
    ) throws(GrammarError) -> (bytes: [Int32], entries: [Int32]) {
        guard isAccepting.count <= limits.states else { throw GrammarError(reason: "it takes too many states") }
        var bytes: [Int32] = []
        var entries: [Int32] = []
        for accepts in isAccepting {
            bytes.append(program.add(.bytes, 0, 0))
            entries.append(accepts ? program.addSplit([bytes[bytes.count - 1], next]) : bytes[bytes.count - 1])
        }
        return (bytes, entries)
    }

    private mutating func write(
        _ automaton: CharacterAutomaton, _ encoding: CharacterEncoding, next: Int32
    ) throws(GrammarError) -> Int32 {
        let heads = try reserve(automaton.isAccepting, next: next)
        var endings: [Ending: Int32] = [:]
        for (state, edges) in automaton.edges.enumerated() {
            var list: [GrammarProgram.Edge] = []
            for edge in edges {
                let ways = sequences[encoding]?[edge.set] ?? encoding.sequences(of: edge.set)
                sequences[encoding, default: [:]][edge.set] = ways
                for way in ways {
                    let rest = Array(way.dropFirst())
                    let target = ending(rest[...], heads.entries[edge.target], &endings)
                    list.append(.init(low: way[0].lowerBound, high: way[0].upperBound, target: target))
                }
            }
            program.patch(heads.bytes[state], bytes: list)
            try check()
        }
        return heads.entries.first ?? next
    }

    /// The state before the last bytes of a character; shared, since many characters end alike.
    private mutating func ending(
        _ ranges: ArraySlice<ClosedRange<UInt8>>, _ target: Int32, _ endings: inout [Ending: Int32]
    ) -> Int32 {
        guard let first = ranges.first else { return target }
        let key = Ending(ranges: Array(ranges), target: target)
        if let known = endings[key] { return known }
        let next = ending(ranges.dropFirst(), target, &endings)
        let state = program.addBytes([.init(low: first.lowerBound, high: first.upperBound, target: next)])
        endings[key] = state
        return state
    }

    /// Two rows of states, before the first member and behind one; both lead into the same values.
    private mutating func write(_ list: GrammarMembers, next: Int32) throws(GrammarError) -> Int32 {
        let filledEnd = try write(list.filledEnd, next: next)
        var empty = try write(list.emptyEnd, next: next)
        var filled = filledEnd
        if let rest = list.rest {
            let separated = GrammarNode.sequence([list.separator, rest.member])
            let maximum = rest.maximum.map { max(0, $0 - 1) }
            let more = GrammarNode.repetition(separated, minimum: max(0, rest.minimum - 1), maximum: maximum)
            if list.members.isEmpty {
                let some = try write(.sequence([rest.member, more]), next: filledEnd)
                empty = rest.maximum == 0 ? empty : rest.minimum == 0 ? divide([some, empty]) : some
            } else {
                filled = try write(.repetition(separated, minimum: 0, maximum: nil), next: filledEnd)
                empty = divide([try write(rest.member, next: filled), empty])
            }
        }
        for member in list.members.reversed() {
            let value = try write(member.value, next: filled)
            let key = try write(member.key, next: value)
            let separated = try write(list.separator, next: key)
            filled = member.isRequired ? separated : divide([separated, filled])
            empty = member.isRequired ? key : divide([key, empty])
        }
        return empty
    }
}
