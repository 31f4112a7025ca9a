extension TemplateRenderer {
    /// The value as Python's `str` gives it; of strings themselves, with their origin.
    func text(_ value: TemplateValue) throws(TemplateError) -> TemplateText {
        switch value {
        case .string(let text): return text
        case .undefined: return TemplateText()
        default:
            var output: [UInt8] = []
            try represent(value, into: &output)
            return TemplateText(output, isMarkup: false)
        }
    }

    /// Appends the value as Python's `repr` gives it.
    func represent(_ value: TemplateValue, into output: inout [UInt8]) throws(TemplateError) {
        try spend()
        switch value {
        case .undefined: output.append(contentsOf: "Undefined".utf8)
        case .none: output.append(contentsOf: "None".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "True" : "False").utf8)
        case .integer(let value): output.append(contentsOf: String(value).utf8)
        case .number(let value): output.append(contentsOf: pythonDescription(value).utf8)
        case .string(let text):
            try check(bytes: output.count + text.count)
            try spend(bytes: text.count, factor: 8)
            quote(text, into: &output)
        case .list(let list):
            output.append(UInt8(ascii: list.kind == .list ? "[" : "("))
            for (place, element) in list.elements.enumerated() {
                if place > 0 { output.append(contentsOf: ", ".utf8) }
                try represent(element, into: &output)
            }
            if list.kind != .list, list.elements.count == 1 { output.append(UInt8(ascii: ",")) }
            output.append(UInt8(ascii: list.kind == .list ? "]" : ")"))
        case .dictionary(let dictionary):
            output.append(UInt8(ascii: "{"))
            for (place, (key, value)) in zip(dictionary.keys, dictionary.values).enumerated() {
                if place > 0 { output.append(contentsOf: ", ".utf8) }
                try represent(key, into: &output)
                output.append(contentsOf: ": ".utf8)
                try represent(value, into: &output)
            }
            output.append(UInt8(ascii: "}"))
        case .range(let range):
            let step = range.step == 1 ? "" : ", \(range.step)"
            output.append(contentsOf: "range(\(range.start), \(range.stop)\(step))".utf8)
        case .function: output.append(contentsOf: "<function>".utf8)
        case .object: output.append(contentsOf: "<object>".utf8)
        }
        guard output.count <= limits.stringBytes else { throw tooLong }
    }

    private func quote(_ text: TemplateText, into output: inout [UInt8]) {
        let single = UInt8(ascii: "'")
        let quote =
            text.bytes.contains(single) && !text.bytes.contains(UInt8(ascii: "\"")) ? UInt8(ascii: "\"") : single
        output.append(quote)
        for scalar in text.scalars {
            switch scalar {
            case "\n": output.append(contentsOf: "\\n".utf8)
            case "\r": output.append(contentsOf: "\\r".utf8)
            case "\t": output.append(contentsOf: "\\t".utf8)
            case "\\": output.append(contentsOf: "\\\\".utf8)
            case _ where scalar.value == quote: output.append(contentsOf: [UInt8(ascii: "\\"), quote])
            case _ where isPrintable(scalar): UTF8Text.append(scalar.value, to: &output)
            default:
                let (letter, digits) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x1_0000 ? ("u", 4) : ("U", 8)
                let code = String(scalar.value, radix: 16)
                output.append(
                    contentsOf: ("\\" + letter + String(repeating: "0", count: digits - code.utf8.count) + code).utf8)
            }
        }
        output.append(quote)
    }

    /// Whether Python's `repr` shows the character as it is.
    private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7F { return scalar.value >= 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }
}

/// A number as Python's `repr` writes it: the shortest digits, with an exponent below 1e-4 and from 1e16 on.
func pythonDescription(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    var digits: [Character] = []
    var point: Int?
    var exponent = 0
    // Swift finds the same shortest digits; only where the point stands differs.
    let parts = "\(value.magnitude)".split(separator: "e")
    if parts.count == 2 { exponent = Int(parts[1]) ?? 0 }
    for character in parts.first ?? "0" {
        if character == "." { point = digits.count } else { digits.append(character) }
    }
    exponent += point ?? digits.count
    while digits.count > 1, digits.first == "0" {
        digits.removeFirst()
        exponent -= 1
    }
    while digits.count > 1, digits.last == "0" { digits.removeLast() }
    let sign = value.sign == .minus ? "-" : ""
    guard digits != ["0"] else { return sign + "0.0" }
    if exponent > 16 || exponent < -3 {
        let rest = digits.count > 1 ? "." + String(digits.dropFirst()) : ""
        let power = exponent - 1
        let powerDigits = (power.magnitude < 10 ? "0" : "") + String(power.magnitude)
        return sign + String(digits[0]) + rest + "e" + (power < 0 ? "-" : "+") + powerDigits
    }
    if exponent <= 0 { return sign + "0." + String(repeating: "0", count: -exponent) + String(digits) }
    if exponent >= digits.count {
        return sign + String(digits) + String(repeating: "0", count: exponent - digits.count) + ".0"
    }
    return sign + String(digits[..<exponent]) + "." + String(digits[exponent...])
}
