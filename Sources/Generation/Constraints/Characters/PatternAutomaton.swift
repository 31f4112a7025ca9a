/// Makes a character automaton of a pattern: Thompson's construction, then the subset construction, both within limits.
///
/// A pattern matches anywhere in a text unless `^` and `$` say otherwise, as JSON Schema has it.
struct PatternAutomaton {
    private enum State {
        case symbol(set: Int, target: Int)
        case split([Int])
        case start(Int)
        case end(Int)
        case accept
    }

    private let limits: GrammarLimits
    private var states: [State] = []
    private var sets: [ScalarSet] = []
    private var setNumbers: [ScalarSet: Int] = [:]
    private var steps = 0

    private init(limits: GrammarLimits) { self.limits = limits }

    /// The texts that match `pattern`, and the steps it took.
    static func make(
        _ pattern: String, limits: GrammarLimits
    ) throws(PatternParser.Failure) -> (automaton: CharacterAutomaton, steps: Int) {
        guard pattern.utf8.count <= limits.patternBytes else {
            throw PatternParser.Failure(reason: "longer than \(limits.patternBytes) bytes")
        }
        var parser = PatternParser(pattern, repetitionLimit: limits.patternRepetitions)
        let syntax = try parser.parse()
        var maker = PatternAutomaton(limits: limits)
        guard let automaton = try maker.determinized(syntax).trimmed() else {
            throw PatternParser.Failure(reason: "no text matches it")
        }
        return (automaton, maker.steps)
    }

    private mutating func add(_ state: State) throws(PatternParser.Failure) -> Int {
        guard states.count < limits.patternStates * 4 else { throw tooLarge }
        states.append(state)
        return states.count - 1
    }

    private var tooLarge: PatternParser.Failure {
        PatternParser.Failure(reason: "too large to be enforced; use fewer or smaller repetitions, or anchor it with ^")
    }

    private mutating func symbol(_ set: ScalarSet, _ target: Int) throws(PatternParser.Failure) -> Int {
        let number = setNumbers[set] ?? sets.count
        if number == sets.count {
            setNumbers[set] = number
            sets.append(set)
        }
        return try add(.symbol(set: number, target: target))
    }

    /// Adds `syntax` with `next` behind it, and gives the state where it begins.
    private mutating func emit(_ syntax: PatternSyntax, next: Int) throws(PatternParser.Failure) -> Int {
        switch syntax {
        case .empty: return next
        case .set(let set): return try symbol(set, next)
        case .start: return try add(.start(next))
        case .end: return try add(.end(next))
        case .sequence(let parts):
            var next = next
            for part in parts.reversed() { next = try emit(part, next: next) }
            return next
        case .alternatives(let parts):
            var entries: [Int] = []
            for part in parts { entries.append(try emit(part, next: next)) }
            return try add(.split(entries))
        case .repeated(let part, let minimum, let maximum):
            var entry = next
            if let maximum {
                for _ in 0..<(maximum - minimum) { entry = try add(.split([try emit(part, next: entry), next])) }
            } else {
                let loop = try add(.split([]))
                states[loop] = .split([try emit(part, next: loop), next])
                entry = loop
            }
            for _ in 0..<minimum { entry = try emit(part, next: entry) }
            return entry
        }
    }

    private mutating func determinized(_ syntax: PatternSyntax) throws(PatternParser.Failure) -> CharacterAutomaton {
        let accept = try add(.accept)
        let suffix = try add(.split([]))
        states[suffix] = .split([try symbol(.all, suffix), accept])
        let body = try emit(syntax, next: suffix)
        let prefix = try add(.split([]))
        states[prefix] = .split([body, try symbol(.all, prefix)])

        let (classes, members) = try classes()
        var result = CharacterAutomaton(edges: [], isAccepting: [])
        var numbers: [[Int]: Int] = [:]
        let start = try closure(of: [prefix], atStart: true)
        // The start differs from an equal set later on, since only it may be behind `^`; so it has no number to meet.
        var pending = [start.symbols]
        result.isAccepting.append(start.accepts)
        var place = 0
        while place < pending.count {
            let symbols = pending[place]
            place += 1
            var targets = [[Int]](repeating: [], count: classes.count)
            for state in symbols {
                guard case .symbol(let set, let target) = states[state] else { continue }
                for member in members[set] { targets[member].append(target) }
                steps += members[set].count
            }
            var sets: [[Int]: [ClosedRange<UInt32>]] = [:]
            for (number, targets) in targets.enumerated() where !targets.isEmpty {
                sets[targets, default: []].append(contentsOf: classes[number].ranges)
            }
            var edges: [Int: [ClosedRange<UInt32>]] = [:]
            for (targets, ranges) in sets {
                let (symbols, accepts) = try closure(of: targets, atStart: false)
                let key = symbols + [accepts ? 1 : 0]
                // Comparing sets costs about as much as following them.
                steps += targets.count + symbols.count
                let number = numbers[key] ?? pending.count
                if number == pending.count {
                    guard number < limits.patternStates else { throw tooLarge }
                    numbers[key] = number
                    pending.append(symbols)
                    result.isAccepting.append(accepts)
                }
                edges[number, default: []].append(contentsOf: ranges)
            }
            result.edges.append(
                edges.sorted { $0.key < $1.key }.map { .init(set: ScalarSet($0.value), target: $0.key) })
        }
        return result
    }

    /// The states that take a character and are reached from `targets` without one, and whether the text may end there.
    private mutating func closure(
        of targets: [Int], atStart: Bool
    ) throws(PatternParser.Failure) -> (symbols: [Int], accepts: Bool) {
        var seen: Set<Int> = []
        var symbols: [Int] = []
        var accepts = false
        // Behind `$` nothing may come, so such states count only for the end: they are kept apart as odd numbers.
        var work = targets.map { $0 * 2 }
        while let item = work.popLast() {
            steps += 1
            guard seen.insert(item).inserted else { continue }
            let isBehindEnd = item & 1
            switch states[item / 2] {
            case .symbol: if isBehindEnd == 0 { symbols.append(item / 2) }
            case .split(let targets): for target in targets { work.append(target * 2 + isBehindEnd) }
            case .start(let target): if atStart { work.append(target * 2 + isBehindEnd) }
            case .end(let target): work.append(target * 2 + 1)
            case .accept: accepts = true
            }
        }
        guard steps <= limits.patternSteps else { throw tooLarge }
        return (symbols.sorted(), accepts)
    }

    /// Divides all characters into classes that no set of the pattern tells apart, and lists each set's classes.
    private mutating func classes() throws(PatternParser.Failure) -> (classes: [ScalarSet], members: [[Int]]) {
        let points = Set(sets.flatMap { $0.ranges.flatMap { [$0.lowerBound, $0.upperBound + 1] } }).sorted()
        steps += points.count * sets.count
        guard steps <= limits.patternSteps else { throw tooLarge }
        var signatures: [[Int]: [ClosedRange<UInt32>]] = [:]
        for (start, end) in zip(points, points.dropFirst()) {
            let signature = sets.indices.filter { sets[$0].contains(start) }
            if !signature.isEmpty { signatures[signature, default: []].append(start...(end - 1)) }
        }
        var members = [[Int]](repeating: [], count: sets.count)
        var classes: [ScalarSet] = []
        for (signature, ranges) in signatures {
            for set in signature { members[set].append(classes.count) }
            classes.append(ScalarSet(ranges))
        }
        return (classes, members)
    }
}
