/// How long a step takes by the number of its rows: a line through what was measured lately.
///
/// Weighted least squares with forgetting. What isn't measured any more is forgotten in favour of an assumption that is
/// rather too low, so that a length once found too dear is tried again.
package struct StepCost: Sendable {
    /// What remains of a measurement's weight after the next one.
    private static let memory = 0.98
    /// Without measurements of different rows a row is taken to add this part of a step of one row.
    private static let assumedShare = 0.1
    /// How much the assumption weighs: as a variance of rows.
    private static let assumedWeight = 0.05

    private var weight = 0.0
    private var rows = 0.0
    private var seconds = 0.0
    private var variance = 0.0
    private var covariance = 0.0

    /// Nothing measured.
    package init() {}

    /// Whether there is a measurement.
    package var isKnown: Bool { weight > 0 }

    /// Takes in that a step of `count` rows took `time` seconds.
    package mutating func note(rows count: Int, seconds time: Double) {
        // A pause of the machine shall not count for more than a step twice as slow.
        let time = isKnown ? min(max(time, self[count] / 2), self[count] * 2) : time
        weight = weight * Self.memory + 1
        let part = 1 / weight
        let rowsOff = Double(count) - rows, secondsOff = time - seconds
        rows += part * rowsOff
        seconds += part * secondsOff
        variance = (1 - part) * (variance + part * rowsOff * rowsOff)
        covariance = (1 - part) * (covariance + part * rowsOff * secondsOff)
    }

    /// Seconds that a step of `count` rows will take, about.
    package subscript(count: Int) -> Double {
        let assumed = seconds / (1 / Self.assumedShare - 1 + rows)
        let slope = (covariance + Self.assumedWeight * assumed) / (variance + Self.assumedWeight)
        return max(seconds + max(0, slope) * (Double(count) - rows), seconds * 0.05)
    }
}
