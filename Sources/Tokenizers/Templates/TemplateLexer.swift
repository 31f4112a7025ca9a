/// Cuts a template into tokens, with `trim_blocks` and `lstrip_blocks` on as chat templates expect.
///
/// Rules of white space: Jinja 3.1, "Whitespace Control". A tag's `-` takes all white space on its side, `+` none;
/// without a sign a block or comment takes the blanks before it on its line and one line break behind it.
struct TemplateLexer {
    let source: [UInt8]
    var place = 0
    var line = 1
    var tokens: [PlacedToken] = []
    /// Whether what was consumed last ended with a line break.
    private var isAtLineStart = true
    private var lineCountedTo = 0

    static let maximumBytes = 1 << 20

    private enum Tag {
        case variable
        case block
        case comment
    }

    static func tokens(of text: String) throws(TemplateError) -> [PlacedToken] {
        guard text.utf8.count <= maximumBytes else {
            throw .syntax(line: 1, reason: "it is longer than \(maximumBytes) bytes")
        }
        var lexer = TemplateLexer(text)
        try lexer.run()
        return lexer.tokens
    }

    private init(_ text: String) {
        var source: [UInt8] = []
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte == 0x0D {
                source.append(0x0A)
            } else if byte != 0x0A || previous != 0x0D {
                source.append(byte)
            }
            previous = byte
        }
        if source.last == 0x0A { source.removeLast() }
        self.source = source
    }

    mutating func fault(_ reason: String) -> TemplateError {
        countLines()
        return .syntax(line: line, reason: reason)
    }

    mutating func emit(_ token: TemplateToken) {
        countLines()
        tokens.append(PlacedToken(token: token, line: line))
    }

    private mutating func countLines() {
        let end = min(place, source.count)
        guard end > lineCountedTo else { return }
        for byte in source[lineCountedTo..<end] where byte == 0x0A { line += 1 }
        lineCountedTo = end
    }

    private mutating func run() throws(TemplateError) {
        while place < source.count {
            guard let (start, tag) = nextTag() else {
                emit(.data(Array(source[place...])))
                place = source.count
                break
            }
            if let rawStart = endOfWord("raw", tagAt: start) {
                emitText(place..<start, sign: sign(at: start + 2), isVariable: false)
                try lexRaw(rawStart.place, trimsAfter: rawStart.sign == UInt8(ascii: "-"))
                continue
            }
            let sign = sign(at: start + 2)
            emitText(place..<start, sign: sign, isVariable: tag == .variable)
            place = start + (sign == nil ? 2 : 3)
            switch tag {
            case .comment: try skipComment()
            case .variable:
                emit(.variableBegin)
                try lexExpression(isBlock: false)
            case .block:
                emit(.blockBegin)
                try lexExpression(isBlock: true)
            }
            isAtLineStart = source[place - 1] == 0x0A
        }
        emit(.end)
    }

    private func nextTag() -> (Int, Tag)? {
        var start = place
        while start + 1 < source.count {
            if source[start] == UInt8(ascii: "{") {
                switch source[start + 1] {
                case UInt8(ascii: "{"): return (start, .variable)
                case UInt8(ascii: "%"): return (start, .block)
                case UInt8(ascii: "#"): return (start, .comment)
                default: break
                }
            }
            start += 1
        }
        return nil
    }

    func byte(_ place: Int) -> UInt8? { place < source.count ? source[place] : nil }

    /// The sign of white space control at `place`, if one stands there.
    private func sign(at place: Int) -> UInt8? {
        guard let byte = byte(place), byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") else { return nil }
        return byte
    }

    func endOfSpace(_ start: Int) -> Int {
        var end = start
        while end < source.count, isPythonSpace(UTF8Text.scalar(source, end)) {
            end += UTF8Text.length(lead: source[end])
        }
        return end
    }

    /// Emits the text before a tag, as much of it as the tag's sign leaves.
    private mutating func emitText(_ range: Range<Int>, sign: UInt8?, isVariable: Bool) {
        var end = range.upperBound
        if sign == UInt8(ascii: "-") {
            end = startOfTrailingSpace(range)
        } else if sign == nil, !isVariable {
            let lastBreak = source[range].lastIndex(of: 0x0A)
            let lineStart = lastBreak.map { $0 + 1 } ?? range.lowerBound
            if lastBreak != nil || isAtLineStart, startOfTrailingSpace(lineStart..<end) == lineStart { end = lineStart }
        }
        if end > range.lowerBound { emit(.data(Array(source[range.lowerBound..<end]))) }
    }

    private func startOfTrailingSpace(_ range: Range<Int>) -> Int {
        var end = range.upperBound
        while end > range.lowerBound {
            let before = max(range.lowerBound, UTF8Text.start(source, before: end))
            guard isPythonSpace(UTF8Text.scalar(source, before)) else { break }
            end = before
        }
        return end
    }

    private mutating func skipComment() throws(TemplateError) {
        let start = place
        while place + 1 < source.count {
            if source[place] == UInt8(ascii: "#"), source[place + 1] == UInt8(ascii: "}") {
                let sign = place > start ? sign(at: place - 1) : nil
                place += 2
                finishTag(sign: sign)
                return
            }
            place += 1
        }
        throw fault("a comment without its end '#}'")
    }

    /// Skips what a block's or comment's end takes with it.
    mutating func finishTag(sign: UInt8?) {
        if sign == UInt8(ascii: "-") {
            place = endOfSpace(place)
        } else if sign == nil, byte(place) == 0x0A {
            place += 1
        }
    }

    /// Where the tag at `start` ends if it is `{% word %}`, and the sign before its `%}`.
    private func endOfWord(_ word: String, tagAt start: Int) -> (place: Int, sign: UInt8?)? {
        guard byte(start) == UInt8(ascii: "{"), byte(start + 1) == UInt8(ascii: "%") else { return nil }
        var place = endOfSpace(start + (sign(at: start + 2) == nil ? 2 : 3))
        for expected in word.utf8 {
            guard byte(place) == expected else { return nil }
            place += 1
        }
        place = endOfSpace(place)
        let sign = sign(at: place)
        if sign != nil { place += 1 }
        guard byte(place) == UInt8(ascii: "%"), byte(place + 1) == UInt8(ascii: "}") else { return nil }
        return (place + 2, sign)
    }

    private mutating func lexRaw(_ begin: Int, trimsAfter: Bool) throws(TemplateError) {
        let start = trimsAfter ? endOfSpace(begin) : begin
        isAtLineStart = source[start - 1] == 0x0A
        var end = start
        while end + 1 < source.count {
            if let tagEnd = endOfWord("endraw", tagAt: end) {
                emitText(start..<end, sign: sign(at: end + 2), isVariable: false)
                place = tagEnd.place
                finishTag(sign: tagEnd.sign)
                isAtLineStart = source[place - 1] == 0x0A
                return
            }
            end += 1
        }
        throw fault("'raw' without its 'endraw'")
    }
}
