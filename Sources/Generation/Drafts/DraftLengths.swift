/// Decides how many guessed tokens a step tries, so that it gives the most tokens per second.
package struct DraftLengths: Sendable {
    /// Gain below which nothing is tried: estimates aren't better than that.
    private static let margin = 1.05

    /// What steps cost.
    package var cost = StepCost()

    /// Nothing measured.
    package init() {}

    /// Tokens to try of each answer.
    ///
    /// Rows are taken in the order of the chance that they are of use; that of the i-th guessed token is the i-th power of
    /// one token's. Since each adds less and costs the same, the first that lowers the rate ends the search.
    /// - Parameter guesses: of each answer, the chance of a guessed token and how many there are.
    package func choose(_ guesses: [(chance: Double, most: Int)]) -> [Int] {
        let none = [Int](repeating: 0, count: guesses.count)
        guard cost.isKnown else { return none }
        var lengths = none
        var chances = guesses.map(\.chance)
        var rows = guesses.count
        var tokens = Double(rows)
        var rate = tokens / cost[rows]
        let least = rate * Self.margin
        while true {
            var next: Int?
            for answer in chances.indices where lengths[answer] < guesses[answer].most {
                if next.map({ chances[answer] > chances[$0] }) ?? true { next = answer }
            }
            guard let next, (tokens + chances[next]) / cost[rows + 1] > rate else { break }
            tokens += chances[next]
            rows += 1
            rate = tokens / cost[rows]
            lengths[next] += 1
            chances[next] *= guesses[next].chance
        }
        return rate > least ? lengths : none
    }
}
