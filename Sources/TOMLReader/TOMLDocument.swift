public import OrderedJSON

/// Reads settings files in TOML (toml.io, version 1.0): tables, bare and quoted keys, strings on one line, whole numbers,
/// booleans, and arrays of these. Dates, floats, inline tables and strings over several lines are refused by name.
public enum TOMLDocument {
    /// The tables of `text` as objects inside each other.
    /// - Throws: ``TOMLError`` with the line at fault.
    public static func parse(_ text: String) throws(TOMLError) -> JSONObject {
        var reader = TOMLReader(text)
        return try reader.read()
    }
}

/// What a settings file says that can't be read.
public struct TOMLError: Error, CustomStringConvertible, Sendable, Equatable {
    /// Counted from 1.
    public let line: Int
    /// What is wrong.
    public let reason: String

    /// What was wrong, where, and what to do.
    public var description: String { "line \(line): \(reason)" }
}

private struct TOMLReader {
    private let text: [Unicode.Scalar]
    private var place = 0
    private var line = 1

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    private var next: Unicode.Scalar? { place < text.count ? text[place] : nil }

    private func fault(_ reason: String) -> TOMLError { TOMLError(line: line, reason: reason) }

    private mutating func skipBlanks() { while next == " " || next == "\t" { place += 1 } }

    /// Skips blanks, comments and line ends.
    private mutating func skipLines() {
        while true {
            skipBlanks()
            if next == "#" { while let scalar = next, scalar != "\n" { _ = scalar; place += 1 } }
            if next == "\r", place + 1 < text.count, text[place + 1] == "\n" { place += 1 }
            guard next == "\n" else { return }
            place += 1
            line += 1
        }
    }

    mutating func read() throws(TOMLError) -> JSONObject {
        var root = JSONObject()
        var table: String?
        while true {
            skipLines()
            guard let scalar = next else { return root }
            if scalar == "[" {
                place += 1
                guard next != "[" else { throw fault("arrays of tables aren't taken here") }
                skipBlanks()
                let name = try key()
                skipBlanks()
                guard next == "]" else { throw fault("expected ']' after the table's name") }
                place += 1
                guard !root.contains(name) else { throw fault("'\(name)' stands twice") }
                root[name] = .object(JSONObject())
                table = name
            } else {
                let name = try key()
                skipBlanks()
                guard next == "=" else { throw fault("expected '=' after '\(name)'") }
                place += 1
                skipBlanks()
                let value = try value(depth: 0)
                var target = table.flatMap { root[$0]?.object } ?? root
                guard !target.contains(name) else { throw fault("'\(name)' stands twice") }
                target[name] = value
                if let table { root[table] = .object(target) } else { root = target }
            }
            try endLine()
        }
    }

    private mutating func endLine() throws(TOMLError) {
        let before = line
        skipLines()
        guard next == nil || line > before else { throw fault("expected the end of the line") }
    }

    private mutating func key() throws(TOMLError) -> String {
        if next == "\"" || next == "'" { return try string() }
        var name = ""
        while let scalar = next, scalar.isASCII,
            scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_" || scalar == "-"
        {
            name.unicodeScalars.append(scalar)
            place += 1
        }
        guard !name.isEmpty else { throw fault("expected a key") }
        guard next != "." else { throw fault("keys with dots aren't taken here; write a table") }
        return name
    }

    private mutating func value(depth: Int) throws(TOMLError) -> JSONValue {
        switch next {
        case "\"", "'": return .string(try string())
        case "[": return try array(depth: depth)
        case "{": throw fault("inline tables aren't taken here; write a table")
        default: return try word()
        }
    }

    private mutating func array(depth: Int) throws(TOMLError) -> JSONValue {
        guard depth < 8 else { throw fault("arrays are nested too deeply") }
        place += 1
        var values: [JSONValue] = []
        while true {
            skipLines()
            if next == "]" { break }
            values.append(try value(depth: depth + 1))
            skipLines()
            if next == "," { place += 1 } else if next != "]" { throw fault("expected ',' or ']'") }
        }
        place += 1
        return .array(values)
    }

    private mutating func word() throws(TOMLError) -> JSONValue {
        var word = ""
        while let scalar = next, !" \t\r\n,]#".unicodeScalars.contains(scalar) {
            word.unicodeScalars.append(scalar)
            place += 1
        }
        if word == "true" || word == "false" { return .bool(word == "true") }
        let digits = word.filter { $0 != "_" }
        guard let number = Int(digits), !word.hasPrefix("_"), !word.hasSuffix("_") else {
            throw fault("'\(word.prefix(40))' is no string in quotes, whole number, boolean or array")
        }
        return .integer(number)
    }

    private mutating func string() throws(TOMLError) -> String {
        let quote = next
        place += 1
        var content = ""
        while let scalar = next, scalar != "\n" {
            place += 1
            if scalar == quote { return content }
            guard scalar == "\\", quote == "\"" else {
                content.unicodeScalars.append(scalar)
                continue
            }
            content.unicodeScalars.append(try escape())
        }
        throw fault("a string doesn't end on its line")
    }

    private mutating func escape() throws(TOMLError) -> Unicode.Scalar {
        let scalar = next
        place += 1
        switch scalar {
        case "\"": return "\""
        case "\\": return "\\"
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "u", "U":
            let length = scalar == "u" ? 4 : 8
            guard place + length <= text.count,
                let code = UInt32(String(String.UnicodeScalarView(text[place..<place + length])), radix: 16),
                let decoded = Unicode.Scalar(code)
            else { throw fault("a \\u escape needs hexadecimal digits of a character") }
            place += length
            return decoded
        default: throw fault("no such escape in a string")
        }
    }
}
