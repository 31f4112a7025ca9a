/// How often guesses lately came true, by the length of the ending they were found by.
package struct GuessChances: Sendable {
    private var rates = [Double](repeating: 0.5, count: NGramIndex.lengths.count)
    /// What the newest outcome weighs.
    private let weight: Double

    /// Even chances.
    package init(weight: Double) { self.weight = weight }

    /// The chances that others had, to be gone on with.
    package init(like other: GuessChances, weight: Double) {
        rates = other.rates
        self.weight = weight
    }

    /// The chance that a token found by an ending of `length` tokens is right.
    package subscript(length: Int) -> Double { rates[length - NGramIndex.lengths.lowerBound] }

    /// Takes note of an outcome.
    package mutating func note(_ wasRight: Bool, length: Int) {
        rates[length - NGramIndex.lengths.lowerBound] += weight * ((wasRight ? 1 : 0) - self[length])
    }
}

/// Guesses how one sequence goes on, and learns from what it then does, whether or not the guess was used.
struct SequenceGuesses: Sendable {
    private var index = NGramIndex()
    private var chances: GuessChances
    private var guess: NGramIndex.Guess?

    init(like usual: GuessChances) { chances = GuessChances(like: usual, weight: 0.125) }

    /// The tokens that may come next.
    var tokens: ArraySlice<Int32> { guess?.tokens ?? [] }
    /// The chance of each of them if those before it are right.
    var chance: Double { guess.map { chances[$0.length] } ?? 0 }

    /// Guesses what follows `text`.
    mutating func look(at text: [Int32], most: Int) { guess = index.guess(after: text, most: most) }

    /// Compares the guess with the next token.
    /// - Returns: whether it was right and how long an ending it came from; none if nothing was guessed for this place.
    mutating func compare(with token: Int32) -> (wasRight: Bool, length: Int)? {
        guard let length = guess?.length, let guessed = guess?.tokens.popFirst() else { return nil }
        let wasRight = guessed == token
        if !wasRight { guess = nil }
        chances.note(wasRight, length: length)
        return (wasRight, length)
    }
}
