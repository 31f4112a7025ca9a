/// Where endings of a text stood before in it, so that how it went on there can be guessed again (prompt lookup:
/// Saxena 2023, github.com/apoorvumang/prompt-lookup-decoding).
///
/// Pure. A token costs a few dictionary accesses once, however long the text is.
package struct NGramIndex: Sendable {
    /// Lengths of the endings that are looked for, in tokens.
    package static let lengths = 2...4

    /// A guess: how a text may go on, and by how long an ending that was found.
    package struct Guess: Sendable, Equatable {
        /// Tokens of the ending.
        package let length: Int
        /// What may follow it.
        package var tokens: ArraySlice<Int32>
    }

    /// The place behind the last occurrence of an n-gram, by its hash: a collision makes a wrong guess, no more.
    private var places: [UInt64: Int32] = [:]
    private var indexed = 0

    /// An index of nothing.
    package init() {}

    /// The tokens, at most `most`, that followed the longest known ending of `text` where it stood last.
    ///
    /// A text that repeats itself is taken to go on doing so: where what followed is shorter than `most`, it starts over.
    /// - Parameter text: what it was at the call before, and tokens after that.
    package mutating func guess(after text: [Int32], most: Int) -> Guess? {
        add(text)
        guard most > 0 else { return nil }
        for length in Self.lengths.reversed() where text.count >= length {
            guard let place = places[Self.key(text[(text.count - length)...])] else { continue }
            let period = text.count - Int(place)
            return Guess(length: length, tokens: (0..<most).map { text[Int(place) + $0 % period] }[...])
        }
        return nil
    }

    /// Takes in what is new of `text`: each token as the one that follows the endings before it.
    private mutating func add(_ text: [Int32]) {
        for place in indexed..<text.count {
            for length in Self.lengths where place >= length {
                places[Self.key(text[(place - length)..<place])] = Int32(truncatingIfNeeded: place)
            }
        }
        indexed = text.count
    }

    private static func key(_ tokens: ArraySlice<Int32>) -> UInt64 {
        tokens.reduce(UInt64(tokens.count) << 32) { ($0 ^ UInt64(UInt32(bitPattern: $1))) &* 0x9E37_79B9_7F4A_7C15 }
    }
}
