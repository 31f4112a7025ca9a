/// A token that is recognised in text as a whole, before pre-tokenisation.
public struct AddedToken: Sendable, Equatable {
    /// Its id.
    public let id: Int
    /// How it is written.
    public let content: String
    /// Whether it is a control token (`special` in tokenizer.json, type 3 in GGUF).
    public let isSpecial: Bool
    /// Whether white space to its left belongs to it.
    let takesSpaceBefore: Bool
    /// Whether white space to its right belongs to it.
    let takesSpaceAfter: Bool
    /// Whether it counts only where no letter or digit touches it.
    let isSingleWord: Bool
    /// Whether it is sought in the normalised text.
    let isNormalized: Bool

    init(
        id: Int, content: String, isSpecial: Bool, takesSpaceBefore: Bool = false, takesSpaceAfter: Bool = false,
        isSingleWord: Bool = false, isNormalized: Bool = false
    ) {
        self.id = id
        self.content = content
        self.isSpecial = isSpecial
        self.takesSpaceBefore = takesSpaceBefore
        self.takesSpaceAfter = takesSpaceAfter
        self.isSingleWord = isSingleWord
        self.isNormalized = isNormalized
    }
}

/// A piece of text between added tokens, or one of them.
enum TextFragment {
    case text(Range<Int>)
    case token(Int)
}

/// Finds added tokens, the leftmost first and of those that start at one place the longest.
struct AddedTokenFinder: Sendable {
    private let tokens: [AddedToken]
    /// Nodes of a trie over UTF-8: node and byte give the next node.
    private var steps: [UInt64: Int] = [:]
    /// The token that ends at a node.
    private var ends: [Int?] = [nil]
    private var isFirstByte = [Bool](repeating: false, count: 256)

    init(_ tokens: [AddedToken]) {
        self.tokens = tokens
        for (index, token) in tokens.enumerated() {
            var node = 0
            for byte in token.content.utf8 {
                if node == 0 { isFirstByte[Int(byte)] = true }
                let step = UInt64(node) << 8 | UInt64(byte)
                if let known = steps[step] {
                    node = known
                } else {
                    node = ends.count
                    steps[step] = node
                    ends.append(nil)
                }
            }
            if node != 0, ends[node] == nil { ends[node] = index }
        }
    }

    var isEmpty: Bool { tokens.isEmpty }

    private func longestMatch(in bytes: [UInt8], _ range: Range<Int>) -> (token: AddedToken, end: Int)? {
        var node = 0
        var match: (AddedToken, Int)?
        for place in range {
            guard let next = steps[UInt64(node) << 8 | UInt64(bytes[place])] else { break }
            node = next
            if let index = ends[node] { match = (tokens[index], place + 1) }
        }
        return match
    }

    /// Cuts `range` of `bytes` at the added tokens that lie wholly inside one of the ascending `allowed` ranges.
    func fragments(
        of bytes: [UInt8], _ range: Range<Int>, allowed: [Range<Int>], special: Bool
    ) -> [TextFragment] {
        var fragments: [TextFragment] = []
        var textStart = range.lowerBound
        for part in allowed {
            let part = part.clamped(to: range)
            var place = part.lowerBound
            while place < part.upperBound {
                guard isFirstByte[Int(bytes[place])],
                    let match = longestMatch(in: bytes, place..<part.upperBound)
                else {
                    place += 1
                    continue
                }
                var start = place
                place = match.end
                // A match that does not count is passed over as a whole, as Hugging Face does.
                guard special || !match.token.isSpecial else { continue }
                if match.token.isSingleWord, touchesWord(bytes, range, start..<match.end) { continue }
                var end = match.end
                if match.token.takesSpaceBefore { start = spaceStart(bytes, before: start, after: textStart) }
                if match.token.takesSpaceAfter { end = spaceEnd(bytes, from: end, to: range.upperBound) }
                if textStart < start { fragments.append(.text(textStart..<start)) }
                fragments.append(.token(match.token.id))
                textStart = end
                place = max(place, end)
            }
        }
        if textStart < range.upperBound { fragments.append(.text(textStart..<range.upperBound)) }
        return fragments
    }

    private func touchesWord(_ bytes: [UInt8], _ range: Range<Int>, _ match: Range<Int>) -> Bool {
        if match.upperBound < range.upperBound, ScalarClasses.isWordCharacter(UTF8Text.scalar(bytes, match.upperBound))
        {
            return true
        }
        guard match.lowerBound > range.lowerBound else { return false }
        let before = UTF8Text.start(bytes, before: match.lowerBound)
        return ScalarClasses.isWordCharacter(UTF8Text.scalar(bytes, before))
    }

    private func spaceStart(_ bytes: [UInt8], before place: Int, after limit: Int) -> Int {
        var start = place
        while start > limit {
            let before = UTF8Text.start(bytes, before: start)
            guard before >= limit, UTF8Text.scalar(bytes, before).properties.isWhitespace else { break }
            start = before
        }
        return start
    }

    private func spaceEnd(_ bytes: [UInt8], from place: Int, to limit: Int) -> Int {
        var end = place
        while end < limit {
            let scalar = UTF8Text.scalar(bytes, end)
            guard scalar.properties.isWhitespace else { break }
            end += UTF8Text.length(lead: bytes[end])
        }
        return end
    }
}
