/// Grammars of numbers: at most 18 digits before the point and 17 behind it, so that every reader can hold them.
enum NumberGrammar {
    static let wholeDigits = 18
    static let fractionDigits = 17

    /// Any number.
    static let number = pattern("^-?(?:0|[1-9][0-9]{0,17})(?:\\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?$")
    /// Any whole number, without fraction or exponent.
    static let integer = pattern("^(?:0|-?[1-9][0-9]{0,17})$")

    private static func pattern(_ pattern: String) -> GrammarNode {
        guard let made = try? PatternAutomaton.make(pattern, limits: .default) else { return .choice([]) }
        return .characters(made.automaton, .plain)
    }

    /// What a schema asks of a number.
    struct Rules {
        var isInteger = false
        var lower: (value: DecimalText, isInclusive: Bool)?
        var upper: (value: DecimalText, isInclusive: Bool)?
        var multipleOf: DecimalText?

        var isFree: Bool { lower == nil && upper == nil && multipleOf == nil }
    }

    /// The numbers that satisfy `rules`, written without exponent, and how many states they take; nil: there are none,
    /// or too many states.
    static func node(_ rules: Rules) -> (node: GrammarNode, states: Int)? {
        if rules.isFree { return (rules.isInteger ? integer : number, 0) }
        var parts: [GrammarNode] = []
        var states = 0
        // Zero and above.
        if rules.upper.map({ !$0.value.isNegative }) ?? true {
            let lower = rules.lower.flatMap { $0.value.isNegative ? nil : Bound($0.value, $0.isInclusive) }
            let upper = rules.upper.map { Bound($0.value, $0.isInclusive) }
            if let automaton = MagnitudeAutomaton(rules, lower: lower, upper: upper)?.automaton {
                parts.append(.automaton(automaton))
                states += automaton.edges.count
            }
        }
        // Below zero: the magnitude's bounds change places.
        if rules.lower.map({ $0.value.isNegative }) ?? true {
            let lower = rules.upper.flatMap { $0.value.isNegative ? Bound($0.value, $0.isInclusive) : nil }
            let upper = rules.lower.map { Bound($0.value, $0.isInclusive) }
            let zero = Bound(DecimalText(isNegative: false, whole: [0], fraction: []), false)
            if let automaton = MagnitudeAutomaton(rules, lower: lower ?? zero, upper: upper)?.automaton {
                parts.append(.sequence([.text("-"), .automaton(automaton)]))
                states += automaton.edges.count
            }
        }
        return parts.isEmpty ? nil : (.choice(parts), states)
    }

    struct Bound {
        let whole: [UInt8]
        let fraction: [UInt8]
        let isInclusive: Bool

        init(_ value: DecimalText, _ isInclusive: Bool) {
            whole = value.whole
            fraction = value.fraction
            self.isInclusive = isInclusive
        }
    }
}
