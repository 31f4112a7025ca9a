import OrderedJSON

/// Reads one tool call written as a JSON object: `{"name": …, "arguments": {…}}`, in any order of keys.
///
/// The text of the arguments passes through as it arrives; `parameters` is taken for `arguments`.
struct JSONCallReader: Sendable {
    private enum Arguments: Sendable {
        case missing
        /// They pass through, or are kept until the name is known.
        case object
        /// JSON inside a string, kept until it is complete.
        case quoted
        case complete
    }

    private let tools: OfferedTools
    /// Whether an object with other keys than a call's is no call.
    private let isStrict: Bool
    private var scanner = JSONScanner()
    private var isReadingKey = false
    private var isReadingName = false
    /// The string being read, in its quotes.
    private var string: [UInt8] = []
    private var key = ""
    private var name: String?
    private var arguments = Arguments.missing
    /// Arguments that can't be shown yet.
    private var kept: [UInt8] = []
    private var hasShownArguments = false

    /// A reader for a call of `tools`.
    init(tools: OfferedTools, isStrict: Bool) {
        self.tools = tools
        self.isStrict = isStrict
    }

    mutating func feed(_ byte: UInt8, into sink: inout CallSink) -> CallStep {
        let before = scanner
        guard scanner.feed(byte) else { return .malformed }
        let isTopLevel = before.depth == 1 && !before.isInside
        if isTopLevel, scanner.isInKey {
            isReadingKey = true
            string = []
        }
        if isTopLevel, before.expectation == .value, scanner.isInside || scanner.depth == 2 {
            guard beginValue(byte) else {
                scanner = before
                return .malformed
            }
        }
        guard take(byte, into: &sink) else {
            scanner = before
            return .malformed
        }
        guard scanner.isDone else { return .more }
        guard name != nil else { return .malformed }
        if !hasShownArguments { sink.arguments.append(contentsOf: "{}".utf8) }
        hasShownArguments = true
        return .finished
    }

    /// What closes the arguments shown so far, where the call breaks off.
    func closing() -> [UInt8] {
        if case .object = arguments, hasShownArguments { return scanner.completion(downTo: 1) }
        return hasShownArguments ? [] : Array("{}".utf8)
    }

    private mutating func beginValue(_ byte: UInt8) -> Bool {
        switch key {
        case "name":
            guard byte == UInt8(ascii: "\""), name == nil else { return false }
            isReadingName = true
            string = []
        case "arguments", "parameters":
            guard case .missing = arguments else { return false }
            switch byte {
            case UInt8(ascii: "{"): arguments = .object
            case UInt8(ascii: "\""): arguments = .quoted
            case UInt8(ascii: "n"): break
            default: return false
            }
        default: break
        }
        return true
    }

    private mutating func take(_ byte: UInt8, into sink: inout CallSink) -> Bool {
        if isReadingKey {
            string.append(byte)
            guard !scanner.isInside else { return true }
            isReadingKey = false
            guard let text = Self.decoded(string) else { return false }
            key = text
            return !isStrict || ["name", "arguments", "parameters", "type", "id", "function"].contains(text)
        }
        if isReadingName {
            string.append(byte)
            guard !scanner.isInside else { return true }
            isReadingName = false
            guard let text = Self.decoded(string), tools.contains(text) else { return false }
            name = text
            sink.name = text
            if !kept.isEmpty { show(kept, into: &sink) }
            return true
        }
        switch arguments {
        case .object:
            if name != nil { show([byte], into: &sink) } else { kept.append(byte) }
            if scanner.depth == 1 { arguments = .complete }
        case .quoted:
            kept.append(byte)
            guard !scanner.isInside else { return true }
            guard let text = Self.decoded(kept), (try? JSONValue(parsing: text))?.object != nil else { return false }
            kept = Array(text.utf8)
            arguments = .complete
            if name != nil { show(kept, into: &sink) }
        case .missing, .complete: break
        }
        return true
    }

    private mutating func show(_ bytes: [UInt8], into sink: inout CallSink) {
        sink.arguments.append(contentsOf: bytes)
        hasShownArguments = true
    }

    private static func decoded(_ quoted: [UInt8]) -> String? { (try? JSONValue(parsing: quoted))?.string }
}
