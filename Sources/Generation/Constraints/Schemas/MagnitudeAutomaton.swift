/// Compares the digits of a number with its bounds as they are written, most significant first.
struct MagnitudeAutomaton {
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
