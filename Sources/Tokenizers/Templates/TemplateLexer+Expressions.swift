extension TemplateLexer {
    private static let pairs: [UInt8: UInt8] = [
        UInt8(ascii: ")"): UInt8(ascii: "("), UInt8(ascii: "]"): UInt8(ascii: "["),
        UInt8(ascii: "}"): UInt8(ascii: "{"),
    ]

    /// Lexes up to and including the end of the tag.
    mutating func lexExpression(isBlock: Bool) throws(TemplateError) {
        var open: [UInt8] = []
        while true {
            place = endOfSpace(place)
            guard let next = byte(place) else { throw fault("the template ends inside a tag") }
            if open.isEmpty, endTag(isBlock: isBlock) { return }
            switch next {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): try lexNumber()
            case UInt8(ascii: "'"), UInt8(ascii: "\""): try lexString(quote: next)
            default:
                if isNameStart(place) {
                    lexName()
                } else {
                    try lexSymbol(next, &open)
                }
            }
        }
    }

    /// Takes the end of the tag, if it stands here.
    private mutating func endTag(isBlock: Bool) -> Bool {
        var end = place
        var sign: UInt8?
        if byte(end) == UInt8(ascii: "-") || (isBlock && byte(end) == UInt8(ascii: "+")) {
            sign = byte(end)
            end += 1
        }
        guard byte(end) == UInt8(ascii: isBlock ? "%" : "}"), byte(end + 1) == UInt8(ascii: "}") else { return false }
        place = end
        emit(isBlock ? .blockEnd : .variableEnd)
        place += 2
        if isBlock || sign != nil { finishTag(sign: sign) }
        return true
    }

    private func isNameStart(_ place: Int) -> Bool {
        let scalar = UTF8Text.scalar(source, place)
        return scalar == "_" || scalar.properties.isAlphabetic
    }

    private mutating func lexName() {
        let start = place
        while place < source.count {
            let scalar = UTF8Text.scalar(source, place)
            guard ScalarClasses.isWordCharacter(scalar) else { break }
            place += UTF8Text.length(lead: source[place])
        }
        emit(.name(String(decoding: source[start..<place], as: UTF8.self)))
    }

    private mutating func lexSymbol(_ first: UInt8, _ open: inout [UInt8]) throws(TemplateError) {
        let two = [first, byte(place + 1) ?? 0]
        let symbol = String(decoding: two, as: UTF8.self)
        switch symbol {
        case "//", "**", "==", "!=", ">=", "<=":
            emit(.symbol(symbol))
            place += 2
            return
        default: break
        }
        switch first {
        case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): open.append(first)
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
            guard open.popLast() == Self.pairs[first] else {
                throw fault("'\(Character(Unicode.Scalar(first)))' closes nothing")
            }
        default:
            guard "+-/*%~><=.:|,;".utf8.contains(first) else {
                let scalar = UTF8Text.scalar(source, place)
                throw fault("the character '\(Character(scalar))' has no meaning here")
            }
        }
        emit(.symbol(String(Character(Unicode.Scalar(first)))))
        place += 1
    }

    /// Digits with single underscores between them.
    private func endOfDigits(_ start: Int, _ isDigit: (UInt8) -> Bool) -> Int {
        var end = start
        while let next = byte(end) {
            if isDigit(next) {
                end += 1
            } else if next == UInt8(ascii: "_"), end > start, let after = byte(end + 1), isDigit(after) {
                end += 2
            } else {
                break
            }
        }
        return end
    }

    private mutating func lexNumber() throws(TemplateError) {
        let isDecimal: (UInt8) -> Bool = { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let start = place
        if byte(start) == UInt8(ascii: "0"), let radix = [0x78: 16, 0x6F: 8, 0x62: 2][(byte(start + 1) ?? 0) | 0x20] {
            let first = start + (byte(start + 2) == UInt8(ascii: "_") ? 3 : 2)
            let end = endOfDigits(first) { Character(Unicode.Scalar($0)).hexDigitValue.map { $0 < radix } ?? false }
            if end > first {
                try emitInteger(source[first..<end], radix: radix)
                place = end
                return
            }
        }
        var end = endOfDigits(start, isDecimal)
        var isWhole = true
        if start == 0 || byte(start - 1) != UInt8(ascii: ".") {
            if byte(end) == UInt8(ascii: "."), let digit = byte(end + 1), isDecimal(digit) {
                end = endOfDigits(end + 1, isDecimal)
                isWhole = false
            }
            if (byte(end) ?? 0) | 0x20 == UInt8(ascii: "e") {
                let sign = byte(end + 1) == UInt8(ascii: "+") || byte(end + 1) == UInt8(ascii: "-")
                let exponent = end + (sign ? 2 : 1)
                let exponentEnd = endOfDigits(exponent, isDecimal)
                if exponentEnd > exponent {
                    end = exponentEnd
                    isWhole = false
                }
            }
        }
        if isWhole {
            if byte(start) == UInt8(ascii: "0"), source[start..<end].contains(where: { (0x31...0x39).contains($0) }) {
                throw fault("a whole number begins with '0'")
            }
            try emitInteger(source[start..<end], radix: 10)
        } else {
            let digits = source[start..<end].filter { $0 != UInt8(ascii: "_") }
            guard let value = Double(String(decoding: digits, as: UTF8.self)) else { throw fault("no number") }
            emit(.number(value))
        }
        place = end
    }

    private mutating func emitInteger(_ digits: ArraySlice<UInt8>, radix: Int) throws(TemplateError) {
        let text = String(decoding: digits.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        guard let value = Int(text, radix: radix) else {
            throw fault("the number \(text.prefix(40)) needs over 64 bits")
        }
        emit(.integer(value))
    }

    private mutating func lexString(quote: UInt8) throws(TemplateError) {
        var content: [UInt8] = []
        let start = place
        var end = start + 1
        while let next = byte(end), next != quote {
            end += 1
            if next == UInt8(ascii: "\\") {
                end = try unescape(end, into: &content)
            } else {
                content.append(next)
            }
        }
        guard byte(end) == quote else { throw fault("a string without its closing quote") }
        emit(.string(String(decoding: content, as: UTF8.self)))
        place = end + 1
    }

    /// Appends what the escape whose letter stands at `place` means in Python, and gives the place behind it.
    private mutating func unescape(_ place: Int, into content: inout [UInt8]) throws(TemplateError) -> Int {
        guard let letter = byte(place) else { return place }
        let simple: [Character: UInt8] = [
            "n": 0x0A, "t": 0x09, "r": 0x0D, "a": 0x07, "b": 0x08, "f": 0x0C, "v": 0x0B, "\\": 0x5C, "'": 0x27,
            "\"": 0x22,
        ]
        let name = Character(Unicode.Scalar(letter))
        if let byte = simple[name] {
            content.append(byte)
            return place + 1
        }
        if letter == 0x0A { return place + 1 }
        if let digits = [Character("x"): 2, "u": 4, "U": 8][name] {
            var code: UInt32 = 0
            for offset in 1...digits {
                guard let next = byte(place + offset), let digit = Character(Unicode.Scalar(next)).hexDigitValue else {
                    throw fault("the escape '\\\(name)' needs \(digits) hexadecimal digits")
                }
                code = code << 4 | UInt32(digit)
            }
            UTF8Text.append(code, to: &content)
            return place + digits + 1
        }
        if letter == UInt8(ascii: "N") { throw fault("names of characters are not known, use their code: '\\u2022'") }
        var end = place
        var code: UInt32 = 0
        while end < place + 3, let next = byte(end), (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(next) {
            code = code << 3 | UInt32(next - UInt8(ascii: "0"))
            end += 1
        }
        if end > place {
            UTF8Text.append(code, to: &content)
            return end
        }
        content.append(UInt8(ascii: "\\"))
        return place
    }
}
