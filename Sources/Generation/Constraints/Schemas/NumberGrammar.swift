import OrderedJSON

/// Grammars of numbers: at most 18 digits before the point and 17 behind it, so that every reader can hold them.
enum NumberGrammar {
    static let wholeDigits = 18
    static let fractionDigits = 17

    /// Any number.
    static let number = pattern("^-?(?:0|[1-9][0-9]{0,17})(?:\\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?$")
    /// Any whole number, without fraction or exponent.
    static let integer = pattern("^(?:0|-?[1-9][0-9]{0,17})$")

    private static func pattern(_ pattern: String) -> GrammarNode {
        guard let automaton = try? PatternAutomaton.make(pattern, limits: .default) else { return .choice([]) }
        return .characters(automaton, .plain)
    }

    /// What a schema asks of a number.
    struct Rules {
        var isInteger = false
        var lower: (value: DecimalText, isInclusive: Bool)?
        var upper: (value: DecimalText, isInclusive: Bool)?
        var multipleOf: DecimalText?

        var isFree: Bool { lower == nil && upper == nil && multipleOf == nil }
    }

    /// The numbers that satisfy `rules`, written without exponent; nil: there are none, or too many states.
    static func node(_ rules: Rules) -> GrammarNode? {
        if rules.isFree { return rules.isInteger ? integer : number }
        var parts: [GrammarNode] = []
        // Zero and above.
        if rules.upper.map({ !$0.value.isNegative }) ?? true {
            let lower = rules.lower.flatMap { $0.value.isNegative ? nil : Bound($0.value, $0.isInclusive) }
            let upper = rules.upper.map { Bound($0.value, $0.isInclusive) }
            if let automaton = MagnitudeAutomaton(rules, lower: lower, upper: upper)?.automaton {
                parts.append(.automaton(automaton))
            }
        }
        // Below zero: the magnitude's bounds change places.
        if rules.lower.map({ $0.value.isNegative }) ?? true {
            let lower = rules.upper.flatMap { $0.value.isNegative ? Bound($0.value, $0.isInclusive) : nil }
            let upper = rules.lower.map { Bound($0.value, $0.isInclusive) }
            let zero = Bound(DecimalText(isNegative: false, whole: [0], fraction: []), false)
            if let automaton = MagnitudeAutomaton(rules, lower: lower ?? zero, upper: upper)?.automaton {
                parts.append(.sequence([.text("-"), .automaton(automaton)]))
            }
        }
        return parts.isEmpty ? nil : .choice(parts)
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

/// A decimal number as its digits.
struct DecimalText: Equatable {
    var isNegative: Bool
    /// At least one digit, no zero in front of others.
    var whole: [UInt8]
    /// No zeros at the end.
    var fraction: [UInt8]

    init(isNegative: Bool, whole: [UInt8], fraction: [UInt8]) {
        self.isNegative = isNegative
        self.whole = whole
        self.fraction = fraction
    }

    /// The shortest decimal that reads back as `value`; nil if `value` is no number.
    init?(_ value: JSONValue) {
        let text: String
        switch value {
        case .integer(let integer): text = String(integer)
        case .number(let double) where double.isFinite: text = "\(double)"
        default: return nil
        }
        let parts = text.utf8.split(separator: UInt8(ascii: "e"))
        let exponent = parts.count > 1 ? Int(String(decoding: parts[1], as: UTF8.self)) ?? 0 : 0
        var digits: [UInt8] = []
        var point: Int?
        for byte in parts[0] {
            switch byte {
            case UInt8(ascii: "."): point = digits.count
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(byte - UInt8(ascii: "0"))
            default: break
            }
        }
        let place = (point ?? digits.count) + exponent
        if place > digits.count { digits += [UInt8](repeating: 0, count: place - digits.count) }
        let padded = place < 0 ? [UInt8](repeating: 0, count: -place) + digits : digits
        var whole = Array(padded.prefix(max(0, place)).drop { $0 == 0 })
        var fraction = Array(padded.dropFirst(max(0, place)))
        while fraction.last == 0 { fraction.removeLast() }
        if whole.isEmpty { whole = [0] }
        self.init(isNegative: text.utf8.first == UInt8(ascii: "-"), whole: whole, fraction: fraction)
        if whole == [0], fraction.isEmpty { isNegative = false }
    }

    /// Whether this is the smaller number.
    static func < (left: DecimalText, right: DecimalText) -> Bool {
        if left.isNegative != right.isNegative { return left.isNegative }
        let isSmaller =
            left.whole.count != right.whole.count
            ? left.whole.count < right.whole.count
            : (left.whole + left.fraction).lexicographicallyPrecedes(right.whole + right.fraction)
        return left.isNegative ? left != right && !isSmaller : isSmaller
    }
}

/// Compares the digits of a number with its bounds as they are written, most significant first.
private struct MagnitudeAutomaton {
    private enum Phase: Hashable { case start, zero, whole, point, fraction }

    private struct State: Hashable {
        var phase = Phase.start
        /// Digits in this phase.
        var count = 0
        /// Less, equal or greater so far, against each bound.
        var low = 0
        var high = 0
        /// Of the digits so far, divided by the number that it must be a multiple of.
        var remainder = 0
    }

    private static let stateLimit = 50_000

    private let lower: NumberGrammar.Bound?
    private let upper: NumberGrammar.Bound?
    private var divisor = 1
    private var fractionLimit: Int
    private(set) var automaton = ByteAutomaton(edges: [], isAccepting: [])

    init?(_ rules: NumberGrammar.Rules, lower: NumberGrammar.Bound?, upper: NumberGrammar.Bound?) {
        if let lower, lower.whole.count > NumberGrammar.wholeDigits { return nil }
        self.lower = lower
        self.upper = upper.flatMap { $0.whole.count > NumberGrammar.wholeDigits ? nil : $0 }
        fractionLimit = rules.isInteger ? 0 : NumberGrammar.fractionDigits
        if let multiple = rules.multipleOf {
            guard multiple.whole.count + multiple.fraction.count <= 9, !multiple.isNegative else { return nil }
            divisor = (multiple.whole + multiple.fraction).reduce(0) { $0 * 10 + Int($1) }
            padding = multiple.fraction.count
            fractionLimit = min(fractionLimit, padding)
            guard divisor > 0 else { return nil }
        }
        guard build() else { return nil }
    }

    /// Decimal places of the number that it must be a multiple of.
    private var padding = 0

    private mutating func build() -> Bool {
        var states = [State()]
        var numbers = [State(): 0]
        var place = 0
        while place < states.count {
            let state = states[place]
            place += 1
            automaton.isAccepting.append(accepts(state))
            var edges: [ByteAutomaton.Edge] = []
            for (byte, next) in steps(from: state) {
                if numbers[next] == nil {
                    guard states.count < Self.stateLimit else { return false }
                    numbers[next] = states.count
                    states.append(next)
                }
                edges.append(.init(bytes: byte...byte, target: numbers[next] ?? 0))
            }
            automaton.edges.append(edges)
        }
        return automaton.isAccepting.contains(true)
    }

    private func steps(from state: State) -> [(UInt8, State)] {
        var result: [(UInt8, State)] = []
        switch state.phase {
        case .start, .whole:
            guard state.count < NumberGrammar.wholeDigits else { break }
            for digit in 0...9 {
                var next = state
                next.phase = state.phase == .start && digit == 0 ? .zero : .whole
                next.count += 1
                next.low = compared(state.low, digit, lower?.whole, at: state.count)
                next.high = compared(state.high, digit, upper?.whole, at: state.count)
                next.remainder = (state.remainder * 10 + digit) % divisor
                result.append((UInt8(ascii: "0") + UInt8(digit), next))
            }
        case .point, .fraction:
            guard state.count < fractionLimit else { break }
            for digit in 0...9 {
                var next = state
                next.phase = .fraction
                next.count += 1
                if state.low == 0 { next.low = order(digit, lower?.fraction, at: state.count) }
                if state.high == 0 { next.high = order(digit, upper?.fraction, at: state.count) }
                next.remainder = (state.remainder * 10 + digit) % divisor
                result.append((UInt8(ascii: "0") + UInt8(digit), next))
            }
        case .zero: break
        }
        if state.phase == .zero || state.phase == .whole, fractionLimit > 0 {
            var next = settled(state)
            next.phase = .point
            next.count = 0
            result.append((UInt8(ascii: "."), next))
        }
        return result
    }

    private func compared(_ order: Int, _ digit: Int, _ bound: [UInt8]?, at place: Int) -> Int {
        guard let bound else { return 0 }
        if place >= bound.count { return 1 }
        return order == 0 ? self.order(digit, bound, at: place) : order
    }

    private func order(_ digit: Int, _ digits: [UInt8]?, at place: Int) -> Int {
        guard let digits else { return 0 }
        let other = place < digits.count ? Int(digits[place]) : 0
        return digit < other ? -1 : digit > other ? 1 : 0
    }

    /// The state once all digits before the point are there: a shorter number is the smaller one.
    private func settled(_ state: State) -> State {
        var state = state
        if let lower, state.count < lower.whole.count { state.low = -1 }
        if let upper, state.count < upper.whole.count { state.high = -1 }
        return state
    }

    private func accepts(_ state: State) -> Bool {
        var state = state
        var fractionCount = 0
        switch state.phase {
        case .start, .point: return false
        case .zero, .whole: state = settled(state)
        case .fraction: fractionCount = state.count
        }
        if let lower {
            if state.low == 0, fractionCount < lower.fraction.count { state.low = -1 }
            guard state.low > 0 || state.low == 0 && lower.isInclusive else { return false }
        }
        if let upper {
            if state.high == 0, fractionCount < upper.fraction.count { state.high = -1 }
            guard state.high < 0 || state.high == 0 && upper.isInclusive else { return false }
        }
        var remainder = state.remainder
        for _ in fractionCount..<max(fractionCount, padding) { remainder = remainder * 10 % divisor }
        return remainder == 0
    }
}
