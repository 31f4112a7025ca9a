import OrderedJSON

/// Reads one tool call in Qwen3-Coder's markup, from the `<` of `<function=` on, and writes its arguments as JSON.
///
/// A parameter's text loses one line break on each side. Strings pass through as they arrive; other values are kept
/// until they are complete, and become strings if they aren't JSON.
struct MarkupCallReader: Sendable {
    private enum Place: Sendable {
        case function, name, body, key
        case text, value
        /// Behind a parameter that was there before, which is left out.
        case repeated
    }

    /// Names and keys that are longer are none.
    private static let nameLimit = 256

    private let tools: OfferedTools
    private var place = Place.function
    private var matcher = TagMatcher(["<function="])
    /// Name, key or value being read.
    private var text: [UInt8] = []
    private var kinds: ParameterKinds?
    private var kind = ParameterKind.text
    private var keys: Set<UTF8Key> = []
    private var isAtStart = false
    private var hasHeldBreak = false
    /// Whether the value began like an array or object: only in these a closing tag can be text, inside a string.
    private var mayHoldStrings = false
    private var isInString = false
    private var isEscaped = false
    private var hasShownArguments = false
    /// Bytes that were taken for the beginning of a tag, but broke off.
    private(set) var refused: [UInt8] = []

    init(tools: OfferedTools) { self.tools = tools }

    mutating func feed(_ byte: UInt8, into sink: inout CallSink) -> CallStep {
        switch place {
        case .function:
            switch matcher.push(byte) {
            case .inside: return .more
            case .matched:
                place = .name
                text = []
                return .more
            case .outside, .broken: return .malformed
            }
        case .name: return readName(byte, into: &sink)
        case .body: return readBody(byte, into: &sink)
        case .key: return readKey(byte, into: &sink)
        case .text, .value, .repeated:
            readValue(byte, into: &sink)
            return .more
        }
    }

    /// What closes the arguments shown so far, where the call breaks off.
    mutating func closing() -> [UInt8] {
        guard kinds != nil else { return [] }
        var sink = CallSink()
        switch place {
        case .text, .value, .repeated:
            appendToValue(matcher.flush(), into: &sink)
            endValue(into: &sink)
        default: break
        }
        sink.arguments.append(contentsOf: (hasShownArguments ? "}" : "{}").utf8)
        return sink.arguments
    }

    private mutating func readName(_ byte: UInt8, into sink: inout CallSink) -> CallStep {
        guard byte == UInt8(ascii: ">") else { return collect(byte) }
        let name = String(decoding: text, as: UTF8.self)
        guard let kinds = tools.kinds(of: name) else { return .malformed }
        self.kinds = kinds
        sink.name = name
        enterBody()
        return .more
    }

    private mutating func collect(_ byte: UInt8) -> CallStep {
        guard byte >= 0x20, byte != UInt8(ascii: "<"), text.count < Self.nameLimit else { return .malformed }
        text.append(byte)
        return .more
    }

    private mutating func enterBody() {
        place = .body
        matcher = TagMatcher(["<parameter=", "</function>", "</tool_call>"])
    }

    private mutating func readBody(_ byte: UInt8, into sink: inout CallSink) -> CallStep {
        switch matcher.push(byte) {
        case .inside: return .more
        case .outside: return AnswerParser.isSpace(byte) ? .more : .malformed
        case .broken(let bytes):
            refused = bytes
            return .malformed
        case .matched(0):
            place = .key
            text = []
            return .more
        case .matched:
            sink.arguments.append(contentsOf: (hasShownArguments ? "}" : "{}").utf8)
            return .finished
        }
    }

    private mutating func readKey(_ byte: UInt8, into sink: inout CallSink) -> CallStep {
        guard byte == UInt8(ascii: ">") else { return collect(byte) }
        let key = String(decoding: text, as: UTF8.self)
        text = []
        matcher = TagMatcher(["</parameter>"])
        isAtStart = true
        hasHeldBreak = false
        mayHoldStrings = false
        isInString = false
        isEscaped = false
        guard keys.insert(UTF8Key(key)).inserted else {
            place = .repeated
            return .more
        }
        kind = kinds?.kind(of: key) ?? .text
        place = kind == .text ? .text : .value
        sink.arguments.append(contentsOf: (hasShownArguments ? ", " : "{").utf8)
        hasShownArguments = true
        sink.arguments.append(contentsOf: JSONValue.string(key).serializedBytes)
        sink.arguments.append(contentsOf: ": ".utf8)
        if place == .text { sink.arguments.append(UInt8(ascii: "\"")) }
        return .more
    }

    private mutating func readValue(_ byte: UInt8, into sink: inout CallSink) {
        guard !isInString else { return appendToValue([byte], into: &sink) }
        switch matcher.push(byte) {
        case .inside: break
        case .outside: appendToValue([byte], into: &sink)
        case .broken(let bytes):
            appendToValue(bytes, into: &sink)
            readValue(byte, into: &sink)
        case .matched:
            endValue(into: &sink)
            enterBody()
        }
    }

    private mutating func appendToValue(_ bytes: [UInt8], into sink: inout CallSink) {
        for byte in bytes {
            switch place {
            case .text:
                if isAtStart, byte == 0x0A {
                    isAtStart = false
                    continue
                }
                isAtStart = false
                if hasHeldBreak { JSONValue.appendEscaped(0x0A, to: &sink.arguments) }
                hasHeldBreak = byte == 0x0A
                if !hasHeldBreak { JSONValue.appendEscaped(byte, to: &sink.arguments) }
            case .value:
                text.append(byte)
                followString(byte)
            default: break
            }
        }
    }

    /// A closing tag inside a JSON string is text; a line break can't be in one, so it ends a string that was none.
    private mutating func followString(_ byte: UInt8) {
        if isInString {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
            if byte == 0x0A {
                isInString = false
                isEscaped = false
            }
        } else if isAtStart {
            guard !AnswerParser.isSpace(byte) else { return }
            isAtStart = false
            mayHoldStrings = byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
        } else if mayHoldStrings, byte == UInt8(ascii: "\"") {
            isInString = true
        }
    }

    private mutating func endValue(into sink: inout CallSink) {
        if place == .text { sink.arguments.append(UInt8(ascii: "\"")) }
        if place == .value { sink.arguments.append(contentsOf: converted()) }
        text = []
    }

    private func converted() -> [UInt8] {
        var bytes = text[...]
        while let first = bytes.first, AnswerParser.isSpace(first) { bytes.removeFirst() }
        while let last = bytes.last, AnswerParser.isSpace(last) { bytes.removeLast() }
        // Models trained on Python write its words.
        let words = ["True": "true", "False": "false", "None": "null"]
        let trimmed = words[String(decoding: bytes, as: UTF8.self)].map { Array($0.utf8) } ?? Array(bytes)
        if let value = try? JSONValue(parsing: trimmed) {
            switch kind {
            case .json: return trimmed
            case .either(let kinds) where kinds.contains(value.kind): return trimmed
            default: break
            }
        }
        var verbatim = text[...]
        if verbatim.first == 0x0A { verbatim.removeFirst() }
        if verbatim.last == 0x0A { verbatim.removeLast() }
        return JSONValue.string(String(decoding: verbatim, as: UTF8.self)).serializedBytes
    }
}
