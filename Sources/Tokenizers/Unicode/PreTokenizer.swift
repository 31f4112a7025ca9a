/// Cuts text into the pieces that byte pairs are merged within; written by hand for the patterns of four families.
package enum PreTokenizer: Sendable, CaseIterable {
    /// GPT-2's pattern.
    case gpt2
    /// Every digit by itself, then GPT-2's pattern between them.
    case smollm
    /// Qwen 2 to 3: a word takes one sign before it, digits stand alone.
    case qwen2
    /// Llama 3: as Qwen's, with up to three digits together.
    case llama3

    /// The pieces of `text`, for tests.
    package func pieces(of text: String) -> [String] {
        let bytes = Array(text.utf8)
        var pieces: [String] = []
        forEachPiece(of: bytes, 0..<bytes.count) { pieces.append(String(decoding: bytes[$0], as: UTF8.self)) }
        return pieces
    }

    /// Calls `body` with each piece of `range`, in order; `bytes` is UTF-8 and `range` begins and ends at characters.
    func forEachPiece(of bytes: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
        switch self {
        case .gpt2:
            forEach(PieceScanner(bytes, end: range.upperBound), from: range.lowerBound, body) { $0.gpt2End($1) }
        case .qwen2:
            forEach(PieceScanner(bytes, end: range.upperBound), from: range.lowerBound, body) { $0.modernEnd($1, 1) }
        case .llama3:
            forEach(PieceScanner(bytes, end: range.upperBound), from: range.lowerBound, body) { $0.modernEnd($1, 3) }
        case .smollm:
            let scanner = PieceScanner(bytes, end: range.upperBound)
            var place = range.lowerBound
            while place < range.upperBound {
                let digitEnd = scanner.step(place, ScalarClasses.number)
                if digitEnd > place {
                    body(place..<digitEnd)
                    place = digitEnd
                } else {
                    let end = scanner.endOfOthers(place, ScalarClasses.number)
                    forEach(PieceScanner(bytes, end: end), from: place, body) { $0.gpt2End($1) }
                    place = end
                }
            }
        }
    }

    private func forEach(
        _ scanner: PieceScanner, from start: Int, _ body: (Range<Int>) -> Void, _ next: (PieceScanner, Int) -> Int
    ) {
        var place = start
        while place < scanner.end {
            let end = next(scanner, place)
            body(place..<end)
            place = end
        }
    }
}

/// Finds where the piece that starts at a place ends.
private struct PieceScanner {
    let bytes: [UInt8]
    let end: Int
    let classes = ScalarClasses.table

    init(_ bytes: [UInt8], end: Int) {
        self.bytes = bytes
        self.end = end
    }

    private static let wordOrSpace = ScalarClasses.letter | ScalarClasses.number | ScalarClasses.space

    /// The class of the character at `place` and where it ends.
    @inline(__always)
    private func character(_ place: Int) -> (classes: UInt8, end: Int) {
        let lead = bytes[place]
        if lead < 0x80 { return (classes[Int(lead)], place + 1) }
        let code = UTF8Text.codePoint(bytes, place)
        let found = code < 0x4_0000 ? classes[Int(code)] : ScalarClasses.beyondTable(code)
        return (found, min(end, place + UTF8Text.length(lead: lead)))
    }

    /// The end of the character at `place` if it is of `wanted` classes, else `place`.
    func step(_ place: Int, _ wanted: UInt8) -> Int {
        guard place < end else { return place }
        let next = character(place)
        return next.classes & wanted != 0 ? next.end : place
    }

    /// The end of the run of `wanted` classes at `place`.
    private func endOfRun(_ place: Int, _ wanted: UInt8) -> Int {
        var place = place
        while place < end {
            let next = character(place)
            guard next.classes & wanted != 0 else { break }
            place = next.end
        }
        return place
    }

    /// The end of the run of characters of none of the `unwanted` classes.
    func endOfOthers(_ place: Int, _ unwanted: UInt8) -> Int {
        var place = place
        while place < end {
            let next = character(place)
            guard next.classes & unwanted == 0 else { break }
            place = next.end
        }
        return place
    }

    /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at `place`, else `place`.
    private func endOfContraction(_ place: Int, foldingCase: Bool) -> Int {
        guard bytes[place] == UInt8(ascii: "'"), place + 1 < end else { return place }
        let fold: UInt8 = foldingCase ? 0x20 : 0
        let first = bytes[place + 1]
        let second = place + 2 < end ? bytes[place + 2] : 0
        switch (first | fold, second | fold) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
            return first < 0x80 ? place + 2 : place
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return place + 3
        default:
            // U+017F, the long s, is an "s" when case is folded.
            return foldingCase && first == 0xC5 && second == 0xBF ? place + 3 : place
        }
    }

    /// The end of `\s+(?!\S)|\s+` at `place`, where the run of spaces ends at `runEnd`.
    private func endOfSpaces(_ place: Int, runEnd: Int) -> Int {
        guard runEnd < end else { return runEnd }
        let lastSpace = UTF8Text.start(bytes, before: runEnd)
        return lastSpace > place ? lastSpace : runEnd
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    func gpt2End(_ place: Int) -> Int {
        let contraction = endOfContraction(place, foldingCase: false)
        if contraction > place { return contraction }
        let start = bytes[place] == 0x20 ? place + 1 : place
        if start < end {
            let found = character(start).classes
            for wanted in [ScalarClasses.letter, ScalarClasses.number] where found & wanted != 0 {
                return endOfRun(start, wanted)
            }
            if found & ScalarClasses.space == 0 { return endOfOthers(start, Self.wordOrSpace) }
        }
        return endOfSpaces(place, runEnd: endOfRun(place, ScalarClasses.space))
    }

    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,k}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    /// where k is `digits`.
    func modernEnd(_ place: Int, _ digits: Int) -> Int {
        let contraction = endOfContraction(place, foldingCase: true)
        if contraction > place { return contraction }
        let first = character(place)
        if first.classes & ScalarClasses.letter != 0 { return endOfRun(first.end, ScalarClasses.letter) }
        if first.classes & ScalarClasses.number != 0 {
            var last = first.end
            for _ in 1..<digits { last = step(last, ScalarClasses.number) }
            return last
        }
        if !isLineBreak(place) {
            let letters = endOfRun(first.end, ScalarClasses.letter)
            if letters > first.end { return letters }
        }
        let start = bytes[place] == 0x20 ? place + 1 : place
        let signs = endOfOthers(start, Self.wordOrSpace)
        if signs > start { return endOfLineBreaks(signs) }
        let runEnd = endOfRun(place, ScalarClasses.space)
        if let lastBreak = bytes[place..<runEnd].lastIndex(where: { $0 == 0x0A || $0 == 0x0D }) { return lastBreak + 1 }
        return endOfSpaces(place, runEnd: runEnd)
    }

    private func isLineBreak(_ place: Int) -> Bool { bytes[place] == 0x0A || bytes[place] == 0x0D }

    private func endOfLineBreaks(_ place: Int) -> Int {
        var place = place
        while place < end, isLineBreak(place) { place += 1 }
        return place
    }
}
