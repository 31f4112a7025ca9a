/// How much a JSON text may hold before it is refused.
public struct JSONLimits: Sendable {
    /// Bytes of text.
    public var bytes: Int
    /// Arrays and objects inside each other.
    public var depth: Int
    /// Values in all, members and elements together.
    public var values: Int
    /// Keys in all; each costs a string and a place in an index, many times what a number in an array does.
    public var keys: Int

    /// Limits of one's own.
    public init(bytes: Int, depth: Int, values: Int, keys: Int = .max) {
        self.bytes = bytes
        self.depth = depth
        self.values = values
        self.keys = keys
    }

    /// For requests from clients: 64 prompts of 8,192 token ids pass.
    public static let request = JSONLimits(bytes: 32 << 20, depth: 128, values: 600_000, keys: 40_000)
    /// For files that come with a model: a vocabulary has hundreds of thousands of members.
    public static let file = JSONLimits(bytes: 128 << 20, depth: 64, values: 16_000_000)
}

/// Why a text is no JSON that is taken here.
public struct JSONError: Error, CustomStringConvertible, Equatable, Sendable {
    /// What is wrong.
    public let reason: String
    /// Where it was noticed, in bytes from the start.
    public let byteOffset: Int

    /// What was wrong, where, and what to do.
    public var description: String { "invalid JSON at byte \(byteOffset): \(reason)" }
}

extension JSONValue {
    /// Parses `bytes` as one JSON text (RFC 8259): UTF-8, no duplicate keys, finite numbers, nothing behind the value.
    /// - Throws: ``JSONError`` with the place of the first fault; also where a limit is passed.
    public init(parsing bytes: [UInt8], limits: JSONLimits = .request) throws(JSONError) {
        guard bytes.count <= limits.bytes else {
            throw JSONError(reason: "longer than \(limits.bytes) bytes", byteOffset: limits.bytes)
        }
        var parser = JSONParser(bytes: bytes, limits: limits)
        self = try parser.parseText()
    }

    /// Parses the UTF-8 of `text`; see ``init(parsing:limits:)-swift.init``.
    public init(parsing text: String, limits: JSONLimits = .request) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }
}

/// A recursive-descent parser over bytes; the depth limit bounds its recursion.
private struct JSONParser {
    let bytes: [UInt8]
    let limits: JSONLimits
    var offset = 0
    var depth = 0
    var values = 0
    var keys = 0

    init(bytes: [UInt8], limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func parseText() throws(JSONError) -> JSONValue {
        skipWhitespace()
        let value = try parseValue()
        skipWhitespace()
        guard offset == bytes.count else { throw fault("text after the value") }
        return value
    }

    func fault(_ reason: String) -> JSONError { JSONError(reason: reason, byteOffset: offset) }

    var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    mutating func skipWhitespace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    mutating func parseValue() throws(JSONError) -> JSONValue {
        values += 1
        guard values <= limits.values else { throw fault("more than \(limits.values) values") }
        switch next {
        case UInt8(ascii: "{"): return try parseObject()
        case UInt8(ascii: "["): return try parseArray()
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"):
            try expect("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try expect("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try expect("null")
            return .null
        case nil: throw fault("the text ends where a value should stand")
        case let byte? where byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
            return try parseNumber()
        default: throw fault("no value starts like this")
        }
    }

    mutating func expect(_ word: StaticString) throws(JSONError) {
        for expected in word.description.utf8 {
            guard next == expected else { throw fault("expected '\(word)'") }
            offset += 1
        }
    }

    mutating func descend() throws(JSONError) {
        depth += 1
        guard depth <= limits.depth else { throw fault("deeper than \(limits.depth) levels") }
        offset += 1
        skipWhitespace()
    }

    mutating func parseArray() throws(JSONError) -> JSONValue {
        try descend()
        defer { depth -= 1 }
        var elements: [JSONValue] = []
        if next == UInt8(ascii: "]") {
            offset += 1
            return .array(elements)
        }
        while true {
            elements.append(try parseValue())
            skipWhitespace()
            switch next {
            case UInt8(ascii: ","):
                offset += 1
                skipWhitespace()
            case UInt8(ascii: "]"):
                offset += 1
                return .array(elements)
            default: throw fault("expected ',' or ']'")
            }
        }
    }

    mutating func parseObject() throws(JSONError) -> JSONValue {
        try descend()
        defer { depth -= 1 }
        var object = JSONObject()
        if next == UInt8(ascii: "}") {
            offset += 1
            return .object(object)
        }
        while true {
            guard next == UInt8(ascii: "\"") else { throw fault("expected a key in quotes") }
            keys += 1
            guard keys <= limits.keys else { throw fault("more than \(limits.keys) keys") }
            let key = try parseString()
            guard !object.contains(key) else { throw fault("the key '\(key.prefix(64))' stands twice") }
            skipWhitespace()
            guard next == UInt8(ascii: ":") else { throw fault("expected ':'") }
            offset += 1
            skipWhitespace()
            object.append(key, try parseValue())
            skipWhitespace()
            switch next {
            case UInt8(ascii: ","):
                offset += 1
                skipWhitespace()
            case UInt8(ascii: "}"):
                offset += 1
                return .object(object)
            default: throw fault("expected ',' or '}'")
            }
        }
    }

    mutating func parseNumber() throws(JSONError) -> JSONValue {
        let start = offset
        var isWhole = true
        if next == UInt8(ascii: "-") { offset += 1 }
        if next == UInt8(ascii: "0") {
            offset += 1
        } else {
            try skipDigits()
        }
        if next == UInt8(ascii: ".") {
            isWhole = false
            offset += 1
            try skipDigits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isWhole = false
            offset += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { offset += 1 }
            try skipDigits()
        }
        guard offset - start <= 400 else { throw fault("a number of more than 400 characters") }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isWhole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            throw JSONError(reason: "a number too large for 64 bits", byteOffset: start)
        }
        return .number(value)
    }

    mutating func skipDigits() throws(JSONError) {
        let start = offset
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { offset += 1 }
        guard offset > start else { throw fault("expected a digit") }
    }

    mutating func parseString() throws(JSONError) -> String {
        offset += 1
        let start = offset
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { offset += 1 }
        if next == UInt8(ascii: "\"") {
            offset += 1
            return try text(of: bytes[start..<(offset - 1)], at: start)
        }
        var content = Array(bytes[start..<offset])
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return try text(of: content[...], at: start)
            case UInt8(ascii: "\\"):
                offset += 1
                try parseEscape(into: &content)
            case 0..<0x20: throw fault("a control character inside a string")
            default:
                content.append(byte)
                offset += 1
            }
        }
        throw fault("the text ends inside a string")
    }

    func text(of content: ArraySlice<UInt8>, at start: Int) throws(JSONError) -> String {
        guard let text = String(validating: content, as: UTF8.self) else {
            throw JSONError(reason: "a string that is not UTF-8", byteOffset: start)
        }
        return text
    }

    mutating func parseEscape(into content: inout [UInt8]) throws(JSONError) {
        guard let byte = next else { throw fault("the text ends inside a string") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var code = try parseHexadecimal()
            if code >= 0xD800, code < 0xDC00, next == UInt8(ascii: "\\"), offset + 1 < bytes.count,
                bytes[offset + 1] == UInt8(ascii: "u")
            {
                offset += 2
                let low = try parseHexadecimal()
                guard low >= 0xDC00, low < 0xE000 else { throw fault("half a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw fault("half a surrogate pair") }
            content.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw fault("no such escape")
        }
    }

    mutating func parseHexadecimal() throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw fault("expected four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            offset += 1
        }
        return code
    }
}
