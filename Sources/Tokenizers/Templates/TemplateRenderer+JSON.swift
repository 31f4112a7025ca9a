/// How `tojson` writes: Python's `json.dumps`.
struct TemplateJSONStyle {
    var itemSeparator = ", "
    var keySeparator = ": "
    var indent: String?
    var escapesUnicode = false
    var sortsKeys = false
}

extension TemplateRenderer {
    /// The `tojson` filter.
    func json(_ value: TemplateValue, _ arguments: TemplateCallArguments) throws(TemplateError) -> TemplateValue {
        let values = try bind(arguments, "ensure_ascii", "indent", "separators", "sort_keys")
        var style = TemplateJSONStyle()
        style.escapesUnicode = values[0]?.isTrue ?? false
        if let indent = given(values[1]) {
            if case .string(let text) = indent {
                style.indent = text.string
            } else {
                let width = max(0, try integer(indent, else: 0))
                try reserve(bytes: width)
                style.indent = String(repeating: " ", count: width)
            }
            style.itemSeparator = ","
        }
        if let separators = given(values[2]) {
            let pair = try elements(of: separators)
            guard pair.count == 2 else { throw failure("'separators' needs two strings") }
            style.itemSeparator = try string(pair[0]).string
            style.keySeparator = try string(pair[1]).string
        }
        style.sortsKeys = values[3]?.isTrue ?? false
        var output: [UInt8] = []
        try writeJSON(value, style, level: 0, into: &output)
        return .string(TemplateText(output, isMarkup: false))
    }

    private func writeJSON(
        _ value: TemplateValue, _ style: TemplateJSONStyle, level: Int, into output: inout [UInt8]
    ) throws(TemplateError) {
        try spend()
        switch value {
        case .none: output.append(contentsOf: "null".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): output.append(contentsOf: String(value).utf8)
        case .number(let value): output.append(contentsOf: jsonDescription(value).utf8)
        case .string(let text): try writeJSON(text, style, into: &output)
        case .list(let list):
            try writeJSON(count: list.elements.count, "[", "]", style, level, into: &output) {
                place, output throws(TemplateError) in
                try writeJSON(list.elements[place], style, level: level + 1, into: &output)
            }
        case .dictionary(let dictionary):
            let order = style.sortsKeys ? try sortedPlaces(dictionary.keys) : Array(dictionary.keys.indices)
            try writeJSON(count: order.count, "{", "}", style, level, into: &output) {
                place, output throws(TemplateError) in
                try writeJSON(try jsonKey(dictionary.keys[order[place]]), style, into: &output)
                output.append(contentsOf: style.keySeparator.utf8)
                try writeJSON(dictionary.values[order[place]], style, level: level + 1, into: &output)
            }
        case .undefined(let missing): throw failure(missing.message)
        default: throw failure("a value of type \(value.typeName) has no JSON form")
        }
        guard output.count <= limits.stringBytes else { throw tooLong }
    }

    private func writeJSON(
        count: Int, _ open: Character, _ close: Character, _ style: TemplateJSONStyle, _ level: Int,
        into output: inout [UInt8], _ element: (Int, inout [UInt8]) throws(TemplateError) -> Void
    ) throws(TemplateError) {
        output.append(contentsOf: String(open).utf8)
        for place in 0..<count {
            if place > 0 { output.append(contentsOf: style.itemSeparator.utf8) }
            try breakLine(style, level + 1, into: &output)
            try element(place, &output)
        }
        if count > 0 { try breakLine(style, level, into: &output) }
        output.append(contentsOf: String(close).utf8)
    }

    private func breakLine(_ style: TemplateJSONStyle, _ level: Int, into output: inout [UInt8]) throws(TemplateError) {
        guard let indent = style.indent else { return }
        try spend(bytes: indent.utf8.count * level)
        output.append(UInt8(ascii: "\n"))
        for _ in 0..<level where !indent.isEmpty {
            guard output.count <= limits.stringBytes else { throw exhausted("the JSON text is too long") }
            output.append(contentsOf: indent.utf8)
        }
    }

    private func jsonKey(_ key: TemplateValue) throws(TemplateError) -> TemplateText {
        switch key {
        case .string(let text): text
        case .none: TemplateText("null", isMarkup: false)
        case .bool(let value): TemplateText(value ? "true" : "false", isMarkup: false)
        case .integer(let value): TemplateText(String(value), isMarkup: false)
        case .number(let value): TemplateText(jsonDescription(value), isMarkup: false)
        default: throw failure("a value of type \(key.typeName) cannot be a key in JSON")
        }
    }

    private func jsonDescription(_ value: Double) -> String {
        value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : pythonDescription(value)
    }

    private func writeJSON(
        _ text: TemplateText, _ style: TemplateJSONStyle, into output: inout [UInt8]
    ) throws(TemplateError) {
        guard output.count + text.count <= limits.stringBytes else {
            throw tooLong
        }
        try spend(bytes: text.count, factor: style.escapesUnicode ? 16 : 4)
        output.append(UInt8(ascii: "\""))
        var place = 0
        while place < text.count {
            let byte = text.bytes[place]
            switch byte {
            case UInt8(ascii: "\""): output.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): output.append(contentsOf: "\\\\".utf8)
            case 0x0A: output.append(contentsOf: "\\n".utf8)
            case 0x0D: output.append(contentsOf: "\\r".utf8)
            case 0x09: output.append(contentsOf: "\\t".utf8)
            case 0x08: output.append(contentsOf: "\\b".utf8)
            case 0x0C: output.append(contentsOf: "\\f".utf8)
            case 0..<0x20: appendEscape(UInt16(byte), to: &output)
            case 0x7F... where style.escapesUnicode:
                for unit in String(Character(UTF8Text.scalar(text.bytes, place))).utf16 {
                    appendEscape(unit, to: &output)
                }
                place += UTF8Text.length(lead: byte) - 1
            default: output.append(byte)
            }
            place += 1
        }
        output.append(UInt8(ascii: "\""))
    }

    private func appendEscape(_ unit: UInt16, to output: inout [UInt8]) {
        let digits = String(unit, radix: 16)
        output.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits).utf8)
    }
}
