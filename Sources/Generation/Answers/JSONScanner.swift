/// Checks one JSON object byte by byte as it arrives, and knows how to close it where it breaks off.
///
/// Strict RFC 8259 but for UTF-8, which its input already is; half surrogate pairs are refused.
struct JSONScanner: Sendable {
    /// What may come where no string, number or word is under way.
    enum Expectation: Sendable { case value, firstKey, key, colon, afterMember, firstElement, afterElement, end }

    private enum NumberPart: Sendable {
        case minus, zero, whole, point, fraction, exponent, exponentSign, exponentDigits
    }

    private enum Lexeme: Sendable {
        case none, string, escape
        case unicode(digits: Int, unit: UInt32)
        /// Behind the first half of a pair: `\` and `u` must follow.
        case lowBackslash, lowLetter
        case lowUnicode(digits: Int)
        case number(NumberPart)
        case word(rest: [UInt8])
    }

    static let depthLimit = 100

    /// Open containers, outermost first: whether each is an object.
    private var containers: [Bool] = []
    private(set) var expectation = Expectation.value
    private var lexeme = Lexeme.none
    private var isKey = false

    /// How many containers are open.
    var depth: Int { containers.count }
    /// Whether the value is complete.
    var isDone: Bool { expectation == .end && !isInside }
    /// Whether a string, number or word is under way.
    var isInside: Bool { if case .none = lexeme { false } else { true } }
    /// Whether the string under way is a key.
    var isInKey: Bool { isKey && isInside }

    /// Takes the next byte.
    /// - Returns: false if it can't stand here; the scanner is then as before.
    mutating func feed(_ byte: UInt8) -> Bool {
        switch lexeme {
        case .none: return feedStructure(byte)
        case .number(let part): return feedNumber(byte, part)
        case .word(let rest):
            guard rest.first == byte else { return false }
            if rest.count == 1 { endValue() } else { lexeme = .word(rest: Array(rest.dropFirst())) }
            return true
        default: return feedString(byte)
        }
    }

    private mutating func feedStructure(_ byte: UInt8) -> Bool {
        if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { return true }
        switch (expectation, byte) {
        case (.firstKey, UInt8(ascii: "}")), (.afterMember, UInt8(ascii: "}")),
            (.firstElement, UInt8(ascii: "]")), (.afterElement, UInt8(ascii: "]")):
            containers.removeLast()
            endValue()
        case (.firstKey, UInt8(ascii: "\"")), (.key, UInt8(ascii: "\"")):
            isKey = true
            lexeme = .string
        case (.colon, UInt8(ascii: ":")): expectation = .value
        case (.afterMember, UInt8(ascii: ",")): expectation = .key
        case (.afterElement, UInt8(ascii: ",")): expectation = .value
        case (.value, _), (.firstElement, _): return beginValue(byte)
        default: return false
        }
        return true
    }

    private mutating func beginValue(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard depth < Self.depthLimit else { return false }
            containers.append(byte == UInt8(ascii: "{"))
            expectation = byte == UInt8(ascii: "{") ? .firstKey : .firstElement
        case UInt8(ascii: "\""):
            isKey = false
            lexeme = .string
        case UInt8(ascii: "t"): lexeme = .word(rest: Array("rue".utf8))
        case UInt8(ascii: "f"): lexeme = .word(rest: Array("alse".utf8))
        case UInt8(ascii: "n"): lexeme = .word(rest: Array("ull".utf8))
        case UInt8(ascii: "-"): lexeme = .number(.minus)
        case UInt8(ascii: "0"): lexeme = .number(.zero)
        case UInt8(ascii: "1")...UInt8(ascii: "9"): lexeme = .number(.whole)
        default: return false
        }
        return true
    }

    private mutating func endValue() {
        lexeme = .none
        expectation =
            switch containers.last {
            case nil: .end
            case true?: .afterMember
            case false?: .afterElement
            }
    }

    private mutating func feedNumber(_ byte: UInt8, _ part: NumberPart) -> Bool {
        let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        let next: NumberPart? =
            switch (part, byte) {
            case (.minus, UInt8(ascii: "0")): .zero
            case (.minus, _) where isDigit, (.whole, _) where isDigit: .whole
            case (.zero, UInt8(ascii: ".")), (.whole, UInt8(ascii: ".")): .point
            case (.point, _) where isDigit, (.fraction, _) where isDigit: .fraction
            case (.zero, UInt8(ascii: "e")), (.whole, UInt8(ascii: "e")), (.fraction, UInt8(ascii: "e")),
                (.zero, UInt8(ascii: "E")), (.whole, UInt8(ascii: "E")), (.fraction, UInt8(ascii: "E")):
                .exponent
            case (.exponent, UInt8(ascii: "+")), (.exponent, UInt8(ascii: "-")): .exponentSign
            case (.exponent, _) where isDigit, (.exponentSign, _) where isDigit, (.exponentDigits, _) where isDigit:
                .exponentDigits
            default: nil
            }
        if let next {
            lexeme = .number(next)
            return true
        }
        guard Self.mayEnd(part) else { return false }
        let before = self
        endValue()
        if feedStructure(byte) { return true }
        self = before
        return false
    }

    private static func mayEnd(_ part: NumberPart) -> Bool {
        switch part {
        case .zero, .whole, .fraction, .exponentDigits: true
        case .minus, .point, .exponent, .exponentSign: false
        }
    }

    private mutating func feedString(_ byte: UInt8) -> Bool {
        switch lexeme {
        case .escape:
            if byte == UInt8(ascii: "u") {
                lexeme = .unicode(digits: 0, unit: 0)
            } else {
                guard "\"\\/bfnrt".utf8.contains(byte) else { return false }
                lexeme = .string
            }
        case .unicode(let digits, let unit):
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return false }
            let unit = unit << 4 | UInt32(digit)
            // The second half of a pair can't come first.
            if digits == 1, (0xDC...0xDF).contains(unit) { return false }
            if digits < 3 {
                lexeme = .unicode(digits: digits + 1, unit: unit)
            } else {
                lexeme = (0xD800...0xDBFF).contains(unit) ? .lowBackslash : .string
            }
        case .lowBackslash:
            guard byte == UInt8(ascii: "\\") else { return false }
            lexeme = .lowLetter
        case .lowLetter:
            guard byte == UInt8(ascii: "u") else { return false }
            lexeme = .lowUnicode(digits: 0)
        case .lowUnicode(let digits):
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue,
                digits != 0 || digit == 0xD, digits != 1 || digit >= 0xC
            else { return false }
            lexeme = digits == 3 ? .string : .lowUnicode(digits: digits + 1)
        default:
            switch byte {
            case UInt8(ascii: "\""):
                if isKey {
                    lexeme = .none
                    isKey = false
                    expectation = .colon
                } else {
                    endValue()
                }
            case UInt8(ascii: "\\"): lexeme = .escape
            case 0..<0x20: return false
            default: break
            }
        }
        return true
    }

    /// The shortest text that makes what was fed so far valid, down to `outer` open containers.
    func completion(downTo outer: Int) -> [UInt8] {
        var scanner = self
        var text = ""
        switch lexeme {
        case .none: break
        case .word(let rest): text += String(decoding: rest, as: UTF8.self)
        case .number(let part): text += Self.mayEnd(part) ? "" : "0"
        case .string: text += "\""
        case .escape: text += "\\\""
        case .unicode(let digits, let unit):
            text += String(repeating: "0", count: 4 - digits)
            let isHigh = (0xD800...0xDBFF).contains(unit << UInt32(4 * (4 - digits)))
            text += isHigh ? "\\udc00\"" : "\""
        case .lowBackslash: text += "\\udc00\""
        case .lowLetter: text += "udc00\""
        case .lowUnicode(let digits): text += "dc00".dropFirst(digits) + "\""
        }
        if isInside {
            if isKey {
                scanner.expectation = .colon
            } else {
                scanner.endValue()
            }
        }
        switch scanner.expectation {
        case .colon: text += ":null"
        case .key: text += "\"\":null"
        case .value: text += "null"
        case .firstKey, .afterMember, .firstElement, .afterElement, .end: break
        }
        for isObject in containers.dropFirst(max(0, outer)).reversed() { text += isObject ? "}" : "]" }
        return Array(text.utf8)
    }
}
