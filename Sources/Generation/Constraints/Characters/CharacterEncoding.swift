/// How characters are written in the text that is generated.
enum CharacterEncoding: Hashable, Sendable {
    /// As UTF-8.
    case plain
    /// As the inside of a JSON string, each character in one way: escaped if it must be, as shortly as it can.
    case json

    private static let shortEscapes: [(UInt32, String)] = [
        (0x22, "\\\""), (0x5C, "\\\\"), (0x08, "\\b"), (0x09, "\\t"), (0x0A, "\\n"), (0x0C, "\\f"), (0x0D, "\\r"),
    ]
    private static let escaped = ScalarSet([0...0x1F, 0x22...0x22, 0x5C...0x5C])

    /// The ways to write the characters of `set`: each a sequence of ranges, one per byte.
    func sequences(of set: ScalarSet) -> [[ClosedRange<UInt8>]] {
        switch self {
        case .plain: return set.ranges.flatMap(UTF8Ranges.sequences)
        case .json:
            var result = set.subtracting(Self.escaped).ranges.flatMap(UTF8Ranges.sequences)
            let escaped = set.intersection(Self.escaped)
            guard !escaped.isEmpty else { return result }
            for (scalar, text) in Self.shortEscapes where escaped.contains(scalar) {
                result.append(text.utf8.map { $0...$0 })
            }
            for scalar in UInt32(0)...0x1F where escaped.contains(scalar) {
                guard !Self.shortEscapes.contains(where: { $0.0 == scalar }) else { continue }
                let digits = String(scalar, radix: 16)
                let text = "\\u00" + (digits.count < 2 ? "0" : "") + digits
                result.append(text.utf8.map { $0...$0 })
            }
            return result
        }
    }
}

/// Splits ranges of scalars into ranges of UTF-8 bytes.
enum UTF8Ranges {
    /// Sequences of byte ranges that together match exactly the UTF-8 of the scalars in `range`.
    ///
    /// A range is cut where the length changes and where the last bytes don't run from 80 to BF in full.
    static func sequences(of range: ClosedRange<UInt32>) -> [[ClosedRange<UInt8>]] {
        var result: [[ClosedRange<UInt8>]] = []
        for limits in [UInt32(0)...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF] {
            let (start, end) = (max(range.lowerBound, limits.lowerBound), min(range.upperBound, limits.upperBound))
            if start <= end { split(bytes(of: start), bytes(of: end), 0, [], into: &result) }
        }
        return result
    }

    private static func bytes(of scalar: UInt32) -> [UInt8] {
        Unicode.Scalar(scalar).map { Array(String(Character($0)).utf8) } ?? []
    }

    private static func split(
        _ low: [UInt8], _ high: [UInt8], _ place: Int, _ head: [ClosedRange<UInt8>],
        into result: inout [[ClosedRange<UInt8>]]
    ) {
        guard place < low.count else { return result.append(head) }
        guard low[place] != high[place] else {
            return split(low, high, place + 1, head + [low[place]...low[place]], into: &result)
        }
        let restCount = low.count - place - 1
        let tail = [ClosedRange<UInt8>](repeating: 0x80...0xBF, count: restCount)
        var (first, last) = (low[place], high[place])
        if low[(place + 1)...].contains(where: { $0 != 0x80 }) {
            let end = low[...place] + [UInt8](repeating: 0xBF, count: restCount)
            split(low, Array(end), place + 1, head + [first...first], into: &result)
            first += 1
        }
        var lastPart: (low: [UInt8], high: [UInt8])?
        if high[(place + 1)...].contains(where: { $0 != 0xBF }) {
            lastPart = (Array(high[...place]) + [UInt8](repeating: 0x80, count: restCount), high)
            last -= 1
        }
        if first <= last { result.append(head + [first...last] + tail) }
        if let lastPart {
            split(lastPart.low, lastPart.high, place + 1, head + [high[place]...high[place]], into: &result)
        }
    }
}
