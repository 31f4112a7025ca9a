extension TemplateText {
    /// Patterns longer than this are sought with a table, so that no text makes the search quadratic.
    private static let naiveBytes = 16

    /// The first place at or behind `start` where `pattern` stands; an empty one stands everywhere.
    func firstPlace(of pattern: TemplateText, from start: Int = 0) -> Int? {
        let wanted = pattern.bytes
        guard start + wanted.count <= count else { return nil }
        guard let first = wanted.first else { return start }
        if wanted.count > Self.naiveBytes { return tabledPlace(of: wanted, from: start) }
        var place = start
        let last = count - wanted.count
        while place <= last {
            if bytes[place] == first, bytes[place..<(place + wanted.count)].elementsEqual(wanted) { return place }
            place += 1
        }
        return nil
    }

    /// The search of Knuth, Morris and Pratt (1977).
    private func tabledPlace(of wanted: [UInt8], from start: Int) -> Int? {
        var borders = [Int](repeating: 0, count: wanted.count)
        var length = 0
        for place in 1..<wanted.count {
            while length > 0, wanted[place] != wanted[length] { length = borders[length - 1] }
            if wanted[place] == wanted[length] { length += 1 }
            borders[place] = length
        }
        length = 0
        for place in start..<count {
            while length > 0, bytes[place] != wanted[length] { length = borders[length - 1] }
            if bytes[place] == wanted[length] { length += 1 }
            if length == wanted.count { return place + 1 - length }
        }
        return nil
    }

    /// All places where `pattern`, which is not empty, stands, from the left and without overlap.
    func places(of pattern: TemplateText, limit: Int = .max) -> [Int] {
        var places: [Int] = []
        var start = 0
        while places.count < limit, let place = firstPlace(of: pattern, from: start) {
            places.append(place)
            start = place + pattern.count
        }
        return places
    }

    /// The places of `pattern` from the right, without overlap, in ascending order.
    func lastPlaces(of pattern: TemplateText, limit: Int = .max) -> [Int] {
        let reversedText = TemplateText(Array(bytes.reversed()), isMarkup: false)
        let reversedPattern = TemplateText(Array(pattern.bytes.reversed()), isMarkup: false)
        return reversedText.places(of: reversedPattern, limit: limit).reversed().map { count - $0 - pattern.count }
    }

    func hasPrefix(_ other: TemplateText) -> Bool { bytes.starts(with: other.bytes) }
    func hasSuffix(_ other: TemplateText) -> Bool {
        count >= other.count && bytes[(count - other.count)...].elementsEqual(other.bytes)
    }

    /// The parts between `places`, where something of `width` bytes stands.
    func parts(between places: [Int], width: Int) -> [TemplateText] {
        var parts: [TemplateText] = []
        var start = 0
        for place in places {
            parts.append(self[start..<place])
            start = place + width
        }
        parts.append(self[start..<count])
        return parts
    }

    /// The text with up to `limit` occurrences replaced; an empty `old` stands before each character and at the end.
    func replacing(_ old: TemplateText, with new: TemplateText, limit: Int) -> TemplateText {
        var result = TemplateText()
        var start = 0
        let places = old.isEmpty ? Array(scalarOffsets.prefix(max(0, limit))) : self.places(of: old, limit: limit)
        for place in places {
            result.append(self, start..<place)
            result.append(new)
            start = place + old.count
        }
        result.append(self, start..<count)
        return result
    }
}

/// What Python's `str` takes for white space: Unicode's, and the four separators U+001C...U+001F.
func isPythonSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x80
        ? scalar.value == 0x20 || (0x09...0x0D).contains(scalar.value) || (0x1C...0x1F).contains(scalar.value)
        : scalar.properties.isWhitespace
}

extension TemplateText {
    /// The text without the characters of `set` (white space if nil) at its ends.
    func trimmed(_ set: TemplateText?, left: Bool = true, right: Bool = true) -> TemplateText {
        let members = set.map { Set($0.scalars) }
        func isTrimmed(_ place: Int) -> Bool {
            let scalar = UTF8Text.scalar(bytes, place)
            return members?.contains(scalar) ?? isPythonSpace(scalar)
        }
        var start = 0
        var end = count
        if left {
            while start < end, isTrimmed(start) { start += UTF8Text.length(lead: bytes[start]) }
        }
        if right {
            while end > start {
                let before = UTF8Text.start(bytes, before: end)
                guard isTrimmed(before) else { break }
                end = before
            }
        }
        return self[start..<end]
    }

    /// Where the words between white space stand; after `limit` cuts, from the left or the right, the rest stays whole.
    func wordRanges(limit: Int = .max, fromRight: Bool = false) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var place = 0
        var start: Int?
        while place < count {
            let next = place + UTF8Text.length(lead: bytes[place])
            if isPythonSpace(UTF8Text.scalar(bytes, place)) {
                if let first = start { ranges.append(first..<place) }
                start = nil
            } else if start == nil {
                start = place
            }
            place = next
        }
        if let first = start { ranges.append(first..<count) }
        guard ranges.count > limit else { return ranges }
        if fromRight {
            let kept = ranges.count - limit
            return [0..<ranges[kept - 1].upperBound] + ranges[kept...]
        }
        return ranges[..<limit] + [ranges[limit].lowerBound..<count]
    }

    /// Where the lines stand without their ends, as Python's `splitlines` cuts them.
    var lineRanges: [Range<Int>] {
        var lines: [Range<Int>] = []
        var start = 0
        var place = 0
        while place < count {
            let code = UTF8Text.codePoint(bytes, place)
            let next = place + UTF8Text.length(lead: bytes[place])
            switch code {
            case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
                lines.append(start..<place)
                start = code == 0x0D && next < count && bytes[next] == 0x0A ? next + 1 : next
                place = start
            default: place = next
            }
        }
        if start < count { lines.append(start..<count) }
        return lines
    }
}
