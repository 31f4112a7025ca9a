import Generation
import TestSupport
import Testing

/// What is guessed, and how much of it is tried.
@Suite struct DraftRuleTests {
    @Test func `a guess is what followed the longest known ending where it stood last`() {
        var index = NGramIndex()
        #expect(index.guess(after: [1, 2, 3, 4, 5], most: 3) == nil)
        #expect(index.guess(after: [1, 2, 3, 4, 5, 2, 3], most: 3)?.tokens == [4, 5, 2])
        #expect(index.guess(after: [1, 2, 3, 4, 5, 2, 3, 4], most: 9)?.length == 3)
        #expect(index.guess(after: [1, 2, 3, 4, 5, 2, 3, 4, 9, 3, 4], most: 1)?.tokens == [9])
        #expect(index.guess(after: [1, 2, 3, 4, 5, 2, 3, 4, 9, 3, 4], most: 1)?.length == 2)
        #expect(index.guess(after: [1, 2, 3, 4, 5, 2, 3, 4, 9, 3, 4], most: 0) == nil)
    }

    @Test func `what repeats itself is taken to go on`() {
        var index = NGramIndex()
        #expect(index.guess(after: [7, 8, 9, 7], most: 7) == nil)
        #expect(index.guess(after: [7, 8, 9, 7, 8, 9, 7, 8], most: 7)?.tokens == [9, 7, 8, 9, 7, 8, 9])
        var same = NGramIndex()
        #expect(same.guess(after: [5, 5, 5, 5], most: 3)?.tokens == [5, 5, 5])
    }

    @Test func `an index that grew token by token guesses as one made at once`() {
        var random = SeededGenerator(seed: runSeed)
        let text = (0..<400).map { _ in Int32.random(in: 0..<6, using: &random) }
        var grown = NGramIndex()
        for count in text.indices {
            var made = NGramIndex()
            let begin = Array(text[..<count])
            let guess = made.guess(after: begin, most: 8)
            #expect(grown.guess(after: begin, most: 8) == guess)
            guard let guess else { continue }
            let ending = begin.suffix(guess.length)
            let places = begin.indices.filter { $0 >= guess.length && begin[($0 - guess.length)..<$0] == ending }
            #expect(guess.tokens.first == places.last.map { begin[$0] })
        }
    }

    private static func lengths(_ seconds: (Int) -> Double) -> DraftLengths {
        var lengths = DraftLengths()
        for round in 0..<200 { lengths.cost.note(rows: 1 + round % 12, seconds: seconds(1 + round % 12)) }
        return lengths
    }

    @Test func `nothing is tried before a step was measured`() {
        #expect(DraftLengths().choose([(0.9, 8)]) == [0])
    }

    @Test func `free rows are all tried, dear ones only if they are likely right`() {
        let free = Self.lengths { _ in 0.02 }
        #expect(free.choose([(0.9, 16)])[0] > 12)
        let dear = Self.lengths { 0.02 * Double($0) }
        #expect(dear.choose([(0.9, 16)]) == [0])
        // A mixture of experts: a row adds two fifths of a step.
        let mixture = Self.lengths { 0.02 * (0.6 + 0.4 * Double($0)) }
        #expect(mixture.choose([(0.4, 16)]) == [0])
        let sure = mixture.choose([(0.95, 16)])[0]
        #expect(sure > 2 && sure < 16)
        #expect(free.choose([(0.02, 16)]) == [0], "estimates aren't good enough for so small a gain")
    }

    @Test func `rows go to the answers whose guesses are likely, and fewer to each of many`() {
        let lengths = Self.lengths { 0.02 * (0.9 + 0.1 * Double($0)) }
        let two = lengths.choose([(0.3, 16), (0.9, 16)])
        #expect(two[1] > two[0])
        let alone = lengths.choose([(0.9, 16)])[0]
        let many = lengths.choose([(chance: Double, most: Int)](repeating: (0.9, 16), count: 8))
        #expect(many.allSatisfy { $0 > 0 && $0 < alone })
        #expect(lengths.choose([(0.9, 2), (0.9, 0)]) == [2, 0])
    }

    @Test func `a single pause doesn't decide, and what was dear is tried again after a while`() {
        var lengths = Self.lengths { 0.02 * (0.95 + 0.05 * Double($0)) }
        let before = lengths.choose([(0.8, 16)])[0]
        lengths.cost.note(rows: 5, seconds: 30)
        #expect(abs(lengths.choose([(0.8, 16)])[0] - before) <= 4)
        var dear = Self.lengths { 0.02 * Double($0) }
        for _ in 0..<400 { dear.cost.note(rows: 1, seconds: 0.02) }
        #expect(dear.choose([(0.8, 16)])[0] > 0)
    }

    @Test func `chances follow what came of guesses, each length for itself`() {
        var chances = GuessChances(weight: 0.125)
        for _ in 0..<40 {
            chances.note(true, length: 4)
            chances.note(false, length: 2)
        }
        #expect(chances[4] > 0.95 && chances[2] < 0.05 && chances[3] == 0.5)
        #expect(GuessChances(like: chances, weight: 0.5)[4] == chances[4])
    }
}
