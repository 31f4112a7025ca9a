/// Unicode's normalisation form NFC over UTF-8 (Unicode Standard Annex 15; The Unicode Standard 16.0, 3.11 and 3.12).
package enum CanonicalComposition {
    /// Text is worked on in pieces of about this many bytes, so that plain stretches are only copied.
    private static let pieceBytes = 256

    /// Whether all of `bytes` lies below U+0300, whose UTF-8 starts with 0xCC: such text is in form NFC.
    static func isTrivial(_ bytes: ArraySlice<UInt8>) -> Bool { !bytes.contains { $0 >= 0xCC } }

    /// The text in form NFC.
    package static func compose(_ bytes: [UInt8], _ range: Range<Int>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(range.count)
        var start = range.lowerBound
        while start < range.upperBound {
            var end = min(start + pieceBytes, range.upperBound)
            while end < range.upperBound, !isBoundary(bytes, before: end) { end += 1 }
            if isTrivial(bytes[start..<end]) {
                output.append(contentsOf: bytes[start..<end])
            } else {
                var piece = Piece()
                var place = start
                while place < end {
                    piece.append(UTF8Text.codePoint(bytes, place))
                    place += UTF8Text.length(lead: bytes[place])
                }
                piece.reorder()
                for code in piece.composed() { UTF8Text.append(code, to: &output) }
            }
            start = end
        }
        return output
    }

    /// Whether a character starts at `place` that never composes with what stands before it.
    private static func isBoundary(_ bytes: [UInt8], before place: Int) -> Bool {
        let lead = bytes[place]
        if lead < 0x80 { return true }
        guard lead & 0xC0 != 0x80 else { return false }
        let scalar = UTF8Text.scalar(bytes, place)
        // Besides marks only vowels and final consonants of Hangul, and vowels of Kirat Rai, compose backwards.
        if (0x1160...0x11FF).contains(scalar.value) || (0x16D40...0x16D7F).contains(scalar.value) { return false }
        guard scalar.properties.canonicalCombiningClass == .notReordered else { return false }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .unassigned: return false
        default: return true
        }
    }
}

/// A decomposed stretch of text.
private struct Piece {
    private let tables = CompositionTables.shared
    private var codes: [UInt32] = []
    private var classes: [UInt8] = []

    /// Hangul's arithmetic (The Unicode Standard 16.0, 3.12): 19 leading consonants, 21 vowels, 27 final consonants.
    private static let syllables: Range<UInt32> = 0xAC00..<0xD7A4

    /// Appends a character's full decomposition.
    mutating func append(_ code: UInt32) {
        if Self.syllables.contains(code) {
            let index = code - Self.syllables.lowerBound
            appendPart(0x1100 + index / 588)
            appendPart(0x1161 + index % 588 / 28)
            if index % 28 > 0 { appendPart(0x11A7 + index % 28) }
        } else if code >= 0xC0, !(0x3400..<0xA000).contains(code), let parts = tables.decompositions[code] {
            for part in parts { appendPart(part) }
        } else {
            appendPart(code)
        }
    }

    private mutating func appendPart(_ code: UInt32) {
        codes.append(code)
        let scalar = code < 0x300 ? nil : Unicode.Scalar(code)
        classes.append(scalar?.properties.canonicalCombiningClass.rawValue ?? 0)
    }

    /// Sorts each run of marks by combining class, equal ones staying in order.
    mutating func reorder() {
        var start = 0
        while start < codes.count {
            var end = start
            var isSorted = true
            while end < codes.count, classes[end] > 0 {
                if end > start, classes[end] < classes[end - 1] { isSorted = false }
                end += 1
            }
            if !isSorted {
                let order = (start..<end).sorted { (classes[$0], $0) < (classes[$1], $1) }
                codes.replaceSubrange(start..<end, with: order.map { codes[$0] })
                classes.replaceSubrange(start..<end, with: order.map { classes[$0] })
            }
            start = max(end, start + 1)
        }
    }

    /// The characters, each composed with the last starter unless something between blocks it.
    func composed() -> [UInt32] {
        var output: [UInt32] = []
        output.reserveCapacity(codes.count)
        var starter: Int?
        var lastClass: UInt8 = 0
        for (code, combiningClass) in zip(codes, classes) {
            if let place = starter, place == output.count - 1 || lastClass < combiningClass,
                let composite = composite(output[place], code)
            {
                output[place] = composite
                continue
            }
            if combiningClass == 0 { starter = output.count }
            lastClass = combiningClass
            output.append(code)
        }
        return output
    }

    private func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if (0x1100..<0x1113).contains(first), (0x1161..<0x1176).contains(second) {
            return Self.syllables.lowerBound + ((first - 0x1100) * 21 + second - 0x1161) * 28
        }
        if Self.syllables.contains(first), (first - Self.syllables.lowerBound) % 28 == 0,
            (0x11A8..<0x11C3).contains(second)
        {
            return first + second - 0x11A7
        }
        return second < 0x300 ? nil : tables.composites[CompositionTables.key(first, second)]
    }
}
