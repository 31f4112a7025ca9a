import Foundation

extension TemplateRenderer {
    /// Filters that give numbers, nil if `name` is none of them.
    @inline(never)
    func numberFilter(
        _ name: String, _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue? {
        switch name {
        case "int":
            let values = try bind(arguments, "default", "base")
            return try whole(value, base: try integer(values[1], else: 10)) ?? values[0] ?? .integer(0)
        case "float":
            let values = try bind(arguments, "default")
            if case .undefined(let missing) = value { throw failure(missing.message) }
            if let number = value.double { return .number(number) }
            guard case .string(let text) = value, let number = number(in: text) else { return values[0] ?? .number(0) }
            return .number(number)
        case "abs":
            if case .number(let number) = value { return .number(number.magnitude) }
            guard let number = value.integer else { throw mismatch("abs", value) }
            return number < 0 ? try negated(value) : .integer(number)
        case "round": return try rounded(value, arguments)
        case "sum": return try sum(value, arguments)
        case "filesizeformat": return .plain(try fileSize(value, arguments))
        default: return nil
        }
    }

    /// The integer that Python's `int` makes of a value, nil where it makes none.
    private func whole(_ value: TemplateValue, base: Int) throws(TemplateError) -> TemplateValue? {
        if case .undefined(let missing) = value { throw failure(missing.message) }
        if let integer = value.integer { return .integer(integer) }
        var number = value.double
        if case .string(let text) = value {
            if let integer = try integer(in: text, base: base) { return .integer(integer) }
            number = self.number(in: text)
            if number?.isInfinite == true { return nil }
        }
        guard let number, !number.isNaN else { return nil }
        guard let integer = Int(exactly: number.rounded(.towardZero)) else {
            throw failure("\(pythonDescription(number)) is no integer of 64 bits")
        }
        return .integer(integer)
    }

    private func integer(in text: TemplateText, base: Int) throws(TemplateError) -> Int? {
        try spend(bytes: text.count)
        var scalars = text.trimmed(nil).scalars[...]
        guard base == 0 || (2...36).contains(base), scalars.count <= 4300 else { return nil }
        let isNegative = scalars.first == "-"
        if isNegative || scalars.first == "+" { scalars = scalars.dropFirst() }
        var base = base
        let prefixes: [Unicode.Scalar: Int] = ["x": 16, "o": 8, "b": 2, "X": 16, "O": 8, "B": 2]
        if scalars.first == "0", let letter = scalars.dropFirst().first, let radix = prefixes[letter],
            base == 0 || base == radix
        {
            base = radix
            scalars = scalars.dropFirst(2)
            if scalars.first == "_" { scalars = scalars.dropFirst() }
        }
        if base == 0 { base = 10 }
        var digits = ""
        var previous: Unicode.Scalar = "_"
        for scalar in scalars {
            if scalar == "_" {
                guard previous != "_" else { return nil }
            } else if scalar.isASCII {
                digits.unicodeScalars.append(scalar)
            } else {
                guard scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue else {
                    return nil
                }
                digits += String(Int(value))
            }
            previous = scalar
        }
        guard previous != "_",
            digits.utf8.allSatisfy({ digit in
                Character(Unicode.Scalar(digit)).isLetter || Character(Unicode.Scalar(digit)).isNumber
            }), digits.allSatisfy({ ($0.hexDigitValue ?? Int($0.asciiValue.map { ($0 | 0x20) - 87 } ?? 99)) < base })
        else { return nil }
        guard let value = Int((isNegative ? "-" : "") + digits, radix: base) else {
            throw failure("an integer needs more than 64 bits")
        }
        return value
    }

    private func number(in text: TemplateText) -> Double? {
        let trimmed = text.trimmed(nil).string.lowercased()
        guard trimmed.utf8.count <= 4300 else { return nil }
        switch trimmed {
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        case "nan", "+nan", "-nan": return .nan
        default:
            guard trimmed.utf8.allSatisfy({ "0123456789.e+-_".utf8.contains($0) }) else { return nil }
            return Double(trimmed.filter { $0 != "_" })
        }
    }

    private func rounded(
        _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        let values = try bind(arguments, "precision", "method")
        let precision = min(max(try integer(values[0], else: 0), -400), 400)
        let method = try values[1].map(string)?.string ?? "common"
        guard let number = value.double else { throw mismatch("round", value) }
        switch method {
        case "common":
            if let integer = value.integer, precision >= 0 { return .integer(integer) }
            guard number.isFinite, precision <= 340 else { return value }
            if precision >= 0 { return .number(Double(String(format: "%.\(precision)f", number)) ?? number) }
            let scale = pow(10, Double(-precision))
            let rounded = (number / scale).rounded(.toNearestOrEven) * scale
            guard value.integer != nil else { return .number(rounded) }
            guard let integer = Int(exactly: rounded) else { throw failure("an integer needs more than 64 bits") }
            return .integer(integer)
        case "ceil", "floor":
            let scale = pow(10, Double(precision))
            let scaled = number * scale
            guard scaled.isFinite, scale > 0 else { throw failure("the number cannot be rounded so") }
            return .number(scaled.rounded(method == "ceil" ? .up : .down) / scale)
        default: throw failure("'round' knows 'common', 'ceil' and 'floor'")
        }
    }

    private func sum(_ value: TemplateValue, _ arguments: TemplateCallArguments) throws(TemplateError) -> TemplateValue
    {
        let values = try bind(arguments, "attribute", "start")
        var total = values[1] ?? .integer(0)
        if case .string = total { throw failure("'sum' adds no strings, 'join' does") }
        var correction = 0.0
        for element in try elements(of: value) {
            let part =
                try given(values[0]).map { name throws(TemplateError) in try picked(name, of: element) } ?? element
            guard case .number(let number) = part, let sum = total.double else {
                total = try apply(.add, total, part)
                continue
            }
            // Neumaier's compensated summation (1974), as Python has it since 3.12.
            let next = sum + number
            correction += sum.magnitude >= number.magnitude ? (sum - next) + number : (number - next) + sum
            total = .number(next)
        }
        if case .number(let sum) = total, correction != 0, correction.isFinite { return .number(sum + correction) }
        return total
    }

    private func fileSize(_ value: TemplateValue, _ arguments: TemplateCallArguments) throws(TemplateError) -> String {
        let isBinary = try bind(arguments, "binary")[0]?.isTrue ?? false
        var number = value.double
        if case .string(let text) = value { number = self.number(in: text) }
        guard let number, number.isFinite else { throw mismatch("filesizeformat", value) }
        let base = isBinary ? 1024.0 : 1000.0
        if number == 1 { return "1 Byte" }
        if number < base { return "\(Int(max(number, -1e15))) Bytes" }
        var size = number / base
        for prefix in ["k", "M", "G", "T", "P", "E", "Z"] {
            if size < base {
                return String(format: "%.1f ", size) + (isBinary ? prefix.uppercased() + "i" : prefix) + "B"
            }
            size /= base
        }
        return String(format: "%.1f ", size) + (isBinary ? "YiB" : "YB")
    }
}
