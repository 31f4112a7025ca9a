extension TemplateRenderer {
    /// `format % value`, Python's printf.
    func formatted(_ format: TemplateText, printf value: TemplateValue) throws(TemplateError) -> TemplateText {
        var source = PrintfArguments(value)
        let scalars = format.scalars
        let offsets = format.scalarOffsets
        try spend(bytes: format.count, factor: 8)
        var output = TemplateText()
        var place = 0
        while place < scalars.count {
            let start = place
            while place < scalars.count, scalars[place] != "%" { place += 1 }
            output.append(format, offsets[start]..<offsets[place])
            guard place < scalars.count else { break }
            place += 1
            output.append(try conversion(scalars, &place, &source))
            try check(bytes: output.count)
        }
        guard source.isUsedUp else { throw failure("more values stand behind '%' than places in the format") }
        return output
    }

    /// The values that `%` takes one after the other.
    private struct PrintfArguments {
        private let values: [TemplateValue]
        private var place = 0
        let mapping: TemplateDictionary?

        init(_ value: TemplateValue) {
            if case .dictionary(let dictionary) = value { mapping = dictionary } else { mapping = nil }
            if case .list(let list) = value, list.kind != .list { values = list.elements } else { values = [value] }
        }

        var isUsedUp: Bool { mapping != nil || place == values.count }

        mutating func next() -> TemplateValue? {
            guard place < values.count else { return nil }
            defer { place += 1 }
            return values[place]
        }
    }

    /// One conversion, from behind its `%`.
    private func conversion(
        _ scalars: [Unicode.Scalar], _ place: inout Int, _ source: inout PrintfArguments
    ) throws(TemplateError) -> TemplateText {
        var format = TemplateFormat()
        var named: TemplateValue?
        if place < scalars.count, scalars[place] == "(" {
            guard let end = scalars[place...].firstIndex(of: ")"), let mapping = source.mapping else {
                throw failure("'%(' needs a mapping and a closing bracket")
            }
            var name = String.UnicodeScalarView()
            name.append(contentsOf: scalars[(place + 1)..<end])
            guard let value = mapping.value(named: String(name)) else {
                throw failure("the mapping has no '\(String(name))'")
            }
            named = value
            place = end + 1
        }
        flags: while place < scalars.count {
            switch scalars[place] {
            case "-": format.alignment = "<"
            case "0": format.fill = "0"
            case "+": format.sign = "+"
            case " ": if format.sign != "+" { format.sign = " " }
            case "#": format.isAlternate = true
            default: break flags
            }
            place += 1
        }
        if format.alignment == "<" { format.fill = " " }
        format.width = try printfNumber(scalars, &place, &source)
        if place < scalars.count, scalars[place] == "." {
            place += 1
            format.precision = try printfNumber(scalars, &place, &source)
        }
        while place < scalars.count, "hlL".unicodeScalars.contains(scalars[place]) { place += 1 }
        guard place < scalars.count else { throw failure("the format ends behind '%'") }
        format.type = scalars[place]
        place += 1
        if format.type == "%" { return TemplateText("%", isMarkup: false) }
        guard let value = named ?? source.next() else {
            throw failure("fewer values stand behind '%' than places in the format")
        }
        return try converted(value, format)
    }

    private func printfNumber(
        _ scalars: [Unicode.Scalar], _ place: inout Int, _ source: inout PrintfArguments
    ) throws(TemplateError) -> Int {
        if place < scalars.count, scalars[place] == "*" {
            place += 1
            let value = try integer(source.next() ?? TemplateValue.none, else: 0)
            guard value >= 0, value <= TemplateFormat.maximumWidth else { throw exhausted("a width of \(value)") }
            return value
        }
        guard let number = TemplateFormat.number(scalars, &place) else { throw exhausted("a width that is too large") }
        return number
    }

    private func converted(_ value: TemplateValue, _ format: TemplateFormat) throws(TemplateError) -> TemplateText {
        var format = format
        try reserve(bytes: format.width)
        switch format.type {
        case "s", "r", "a":
            var text = try format.type == "s" ? self.text(value) : representation(value)
            if let precision = format.precision, precision < text.scalarCount {
                text = text[0..<text.scalarOffsets[precision]]
            }
            format.fill = " "
            return format.padded(text, sign: "", standard: ">")
        case "c":
            format.fill = " "
            if case .string(let text) = value, text.scalarCount == 1 {
                return format.padded(text, sign: "", standard: ">")
            }
            guard let code = value.integer, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
                throw mismatch("%c", value)
            }
            return format.padded(TemplateText(String(Character(scalar)), isMarkup: false), sign: "", standard: ">")
        default:
            let digits = try digits(value, format)
            let text = TemplateText(digits.digits, isMarkup: false)
            return format.padded(text, sign: digits.sign, standard: format.fill == "0" ? "=" : ">")
        }
    }

    /// The value as `repr` gives it.
    func representation(_ value: TemplateValue) throws(TemplateError) -> TemplateText {
        var output: [UInt8] = []
        try represent(value, into: &output)
        return TemplateText(output, isMarkup: false)
    }

    /// Sign and digits of a number in a format.
    func digits(_ value: TemplateValue, _ format: TemplateFormat) throws(TemplateError) -> (
        sign: String, digits: String
    ) {
        guard format.precision ?? 0 <= TemplateFormat.maximumPrecision else {
            throw exhausted("a precision that is too large")
        }
        let isForIntegers = format.type.map { "diuxXob".unicodeScalars.contains($0) } ?? false
        if var whole = value.integer, isForIntegers || format.type == nil {
            if case .bool(let value) = value { whole = value ? 1 : 0 }
            if let digits = format.digits(of: whole) { return digits }
        }
        guard let number = value.double else {
            throw mismatch("%\(format.type.map { String(Character($0)) } ?? "")", value)
        }
        if isForIntegers {
            // '%d' cuts the fraction off.
            guard let type = format.type, "diu".unicodeScalars.contains(type),
                let whole = Int(exactly: number.rounded(.towardZero)),
                let digits = format.digits(of: whole)
            else { throw failure("a whole number of 64 bits is needed") }
            return digits
        }
        guard let digits = format.digits(of: number) else {
            throw failure("the format '\(format.type.map { String(Character($0)) } ?? "")' is not known for numbers")
        }
        return digits
    }

    // MARK: format()

    /// `text.format(...)`: fields in braces; attributes and elements of values cannot be reached from here.
    func formatted(_ text: TemplateText, fields arguments: TemplateCallArguments) throws(TemplateError) -> TemplateText
    {
        let scalars = text.scalars
        let offsets = text.scalarOffsets
        try spend(bytes: text.count, factor: 8)
        var output = TemplateText()
        var place = 0
        var automatic = 0
        while place < scalars.count {
            let start = place
            while place < scalars.count, scalars[place] != "{", scalars[place] != "}" { place += 1 }
            output.append(text, offsets[start]..<offsets[place])
            guard place < scalars.count else { break }
            if place + 1 < scalars.count, scalars[place + 1] == scalars[place] {
                output.append(text, offsets[place]..<offsets[place + 1])
                place += 2
                continue
            }
            guard scalars[place] == "{", let end = scalars[place...].firstIndex(of: "}") else {
                throw failure("a brace of 'format' stands alone")
            }
            output.append(try field(Array(scalars[(place + 1)..<end]), arguments, &automatic))
            try check(bytes: output.count)
            place = end + 1
        }
        return output
    }

    private func field(
        _ field: [Unicode.Scalar], _ arguments: TemplateCallArguments, _ automatic: inout Int
    ) throws(TemplateError) -> TemplateText {
        let colon = field.firstIndex(of: ":") ?? field.count
        let mark = field[..<colon].firstIndex(of: "!") ?? colon
        var view = String.UnicodeScalarView()
        view.append(contentsOf: field[..<mark])
        let name = String(view)
        var value: TemplateValue?
        if name.isEmpty || Int(name) != nil {
            let place = Int(name) ?? automatic
            if name.isEmpty { automatic += 1 }
            value = arguments.positional.indices.contains(place) ? arguments.positional[place] : nil
        } else {
            value = arguments.named.first { $0.name == name }?.value
        }
        guard var value else { throw failure("'format' has no value for '{\(name.prefix(64))}'") }
        if mark < colon {
            guard field[(mark + 1)..<colon].elementsEqual("r".unicodeScalars) else {
                guard field[(mark + 1)..<colon].elementsEqual("s".unicodeScalars) else {
                    throw failure("an unknown conversion '!'")
                }
                value = .string(try text(value))
                return try written(value, Array(field[min(colon + 1, field.count)...]))
            }
            value = .string(try representation(value))
        }
        return try written(value, Array(field[min(colon + 1, field.count)...]))
    }

    private func written(_ value: TemplateValue, _ specification: [Unicode.Scalar]) throws(TemplateError)
        -> TemplateText
    {
        let format = try format(specification)
        try reserve(bytes: format.width)
        switch value {
        case .bool where !specification.isEmpty, .integer, .number:
            let digits = try digits(value, format)
            return format.padded(TemplateText(digits.digits, isMarkup: false), sign: digits.sign, standard: ">")
        default:
            guard format.type == nil || format.type == "s" else { throw mismatch("format", value) }
            var text = try text(value)
            if let precision = format.precision, precision < text.scalarCount {
                text = text[0..<text.scalarOffsets[precision]]
            }
            return format.padded(text, sign: "", standard: "<")
        }
    }

    private func format(_ specification: [Unicode.Scalar]) throws(TemplateError) -> TemplateFormat {
        var format = TemplateFormat()
        var place = 0
        func current(_ offset: Int = 0) -> Unicode.Scalar? {
            place + offset < specification.count ? specification[place + offset] : nil
        }
        let sides = "<>^=".unicodeScalars
        if let fill = current(), let side = current(1), sides.contains(side) {
            format.fill = fill
            format.alignment = side
            place += 2
        } else if let side = current(), sides.contains(side) {
            format.alignment = side
            place += 1
        }
        if let sign = current(), "+- ".unicodeScalars.contains(sign) {
            format.sign = sign
            place += 1
        }
        if current() == "#" {
            format.isAlternate = true
            place += 1
        }
        if current() == "0" {
            if format.alignment == nil { (format.fill, format.alignment) = ("0", "=") }
            place += 1
        }
        guard let width = TemplateFormat.number(specification, &place) else {
            throw exhausted("a width that is too large")
        }
        format.width = width
        if current() == "," {
            format.groupsThousands = true
            place += 1
        }
        if current() == "." {
            place += 1
            guard let precision = TemplateFormat.number(specification, &place) else {
                throw exhausted("a precision too large")
            }
            format.precision = precision
        }
        format.type = current()
        guard place + 1 >= specification.count else { throw failure("the format specification has an unknown form") }
        return format
    }
}
