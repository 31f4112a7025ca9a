extension TemplateRenderer {
    /// The methods of Python's `str` that templates may call.
    static let stringMethods: Set<String> = [
        "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "partition", "rpartition", "startswith",
        "endswith", "find", "rfind", "index", "rindex", "count", "replace", "join", "format", "upper", "lower", "title",
        "capitalize", "swapcase", "casefold", "removeprefix", "removesuffix", "zfill", "ljust", "rjust", "center",
        "isdigit", "isdecimal", "isnumeric", "isalpha", "isalnum", "isspace", "isupper", "islower",
    ]

    func call(
        _ name: String, of text: TemplateText, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        try spend(bytes: text.count)
        switch name {
        case "strip", "lstrip", "rstrip":
            let set = try given(try bind(arguments, "chars")[0]).map(string)
            return .string(text.trimmed(set, left: name != "rstrip", right: name != "lstrip"))
        case "split", "rsplit": return try split(text, fromRight: name == "rsplit", arguments)
        case "splitlines":
            return try list(text, text.lineRanges)
        case "partition", "rpartition": return try partition(text, fromRight: name == "rpartition", arguments)
        case "startswith", "endswith": return try affix(text, atStart: name == "startswith", arguments)
        case "find", "rfind", "index", "rindex", "count": return try search(name, in: text, arguments)
        case "replace":
            let values = try bind(arguments, "old", "new", "count")
            let count = try integer(values[2], else: -1)
            return .string(try replaced(text, try string(values[0]), try string(values[1]), count < 0 ? .max : count))
        case "join":
            guard let sequence = try bind(arguments, "iterable")[0] else { throw failure("'join' needs a list") }
            let parts = try elements(of: sequence)
            for part in parts { _ = try string(part) }
            return .string(try joined(parts, text))
        case "format": return .string(try formatted(text, fields: arguments))
        case "zfill", "ljust", "rjust", "center": return .string(try padded(name, text, arguments))
        case "removeprefix", "removesuffix":
            let affix = try string(try bind(arguments, "affix")[0])
            if name == "removeprefix" { return .string(text.hasPrefix(affix) ? text[affix.count..<text.count] : text) }
            return .string(text.hasSuffix(affix) ? text[0..<(text.count - affix.count)] : text)
        default:
            _ = try bind(arguments)
            try spend(bytes: text.count, factor: 16)
            return simple(name, text)
        }
    }

    /// Methods without arguments.
    private func simple(_ name: String, _ text: TemplateText) -> TemplateValue {
        switch name {
        case "upper": .string(text.uppercased)
        case "lower", "casefold": .string(text.lowercased)
        case "title": .string(text.titlecased)
        case "capitalize": .string(text.capitalized)
        case "swapcase": .string(text.caseSwapped)
        case "isdigit":
            .bool(text.allScalars { $0.properties.numericType == .decimal || $0.properties.numericType == .digit })
        case "isdecimal": .bool(text.allScalars { $0.properties.numericType == .decimal })
        case "isnumeric": .bool(text.allScalars { $0.properties.numericType != nil })
        case "isalpha": .bool(text.allScalars(isLetter))
        case "isalnum": .bool(text.allScalars { isLetter($0) || $0.properties.numericType != nil })
        case "isspace": .bool(text.allScalars(isPythonSpace))
        case "isupper": .bool(text.isUppercase)
        default: .bool(text.isLowercase)
        }
    }

    private func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    private func split(
        _ text: TemplateText, fromRight: Bool, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        let values = try bind(arguments, "sep", "maxsplit")
        let most = try integer(values[1], else: -1)
        let limit = most < 0 ? Int.max : most
        guard let separator = try given(values[0]).map(string) else {
            try spend(bytes: text.count, factor: 4)
            return try list(text, text.wordRanges(limit: limit, fromRight: fromRight))
        }
        guard !separator.isEmpty else { throw failure("the separator is empty") }
        let places = fromRight ? text.lastPlaces(of: separator, limit: limit) : text.places(of: separator, limit: limit)
        try spend(places.count)
        return try list(text.parts(between: places, width: separator.count).map(TemplateValue.string))
    }

    /// The parts of `text` in `ranges`, counted before they are cut out.
    private func list(_ text: TemplateText, _ ranges: [Range<Int>]) throws(TemplateError) -> TemplateValue {
        try spend(ranges.count)
        return try list(ranges.map { .string(text[$0]) })
    }

    private func partition(
        _ text: TemplateText, fromRight: Bool, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        let separator = try string(try bind(arguments, "sep")[0])
        guard !separator.isEmpty else { throw failure("the separator is empty") }
        let place = fromRight ? text.lastPlaces(of: separator, limit: 1).first : text.firstPlace(of: separator)
        let empty = TemplateText()
        guard let place else {
            let parts = fromRight ? [empty, empty, text] : [text, empty, empty]
            return try list(parts.map(TemplateValue.string), kind: .tuple)
        }
        let end = place + separator.count
        return try list(
            [text[0..<place], text[place..<end], text[end..<text.count]].map(TemplateValue.string), kind: .tuple)
    }

    private func affix(
        _ text: TemplateText, atStart: Bool, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        guard let wanted = try bind(arguments, "affix")[0] else { throw failure("a string is needed, not nothing") }
        var affixes = [wanted]
        if case .list(let list) = wanted, list.kind != .list { affixes = list.elements }
        for affix in affixes {
            let affix = try string(affix)
            if atStart ? text.hasPrefix(affix) : text.hasSuffix(affix) { return .bool(true) }
        }
        return .bool(false)
    }

    private func search(
        _ name: String, in text: TemplateText, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        let values = try bind(arguments, "sub", "start", "end")
        let wanted = try string(values[0])
        try spend(bytes: text.count + wanted.count, factor: 2)
        let offsets = text.scalarOffsets
        let last = offsets.count - 1
        func bound(_ index: Int) -> Int { min(max(index < 0 ? index + last : index, 0), last) }
        let start = bound(try integer(given(values[1]), else: 0))
        let end = max(start, bound(try integer(given(values[2]), else: last)))
        let part = text[offsets[start]..<offsets[end]]
        if name == "count" { return .integer(wanted.isEmpty ? end - start + 1 : part.places(of: wanted).count) }
        let place: Int?
        if name.hasPrefix("r") {
            place = wanted.isEmpty ? part.count : part.lastPlaces(of: wanted, limit: 1).first
        } else {
            place = part.firstPlace(of: wanted)
        }
        guard let place else {
            guard name.hasSuffix("find") else { throw failure("the text is not found") }
            return .integer(-1)
        }
        return .integer(start + part[0..<place].scalarCount)
    }

    /// `replace`, whose result may be longer than any string may be.
    func replaced(
        _ text: TemplateText, _ old: TemplateText, _ new: TemplateText, _ limit: Int
    ) throws(TemplateError) -> TemplateText {
        try spend(bytes: text.count, factor: 2)
        let found = old.isEmpty ? text.scalarCount + 1 : text.places(of: old, limit: limit).count
        let growth = min(found, limit).multipliedReportingOverflow(by: new.count - old.count)
        try reserve(bytes: growth.overflow ? .max : text.count + growth.partialValue)
        return text.replacing(old, with: new, limit: limit)
    }

    private func padded(
        _ name: String, _ text: TemplateText, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateText {
        let values = try bind(arguments, "width", "fill")
        let fill = try values[1].map(string) ?? TemplateText(name == "zfill" ? "0" : " ", isMarkup: false)
        guard fill.scalarCount == 1 else { throw failure("one character is needed to fill up with") }
        let missing = max(
            0, try integer(values[0], else: 0).subtractingReportingOverflow(text.scalarCount).partialValue)
        // Python puts the odd one left of an even text in an odd width; the sum decides.
        let width = missing &+ text.scalarCount
        let left = name == "ljust" ? 0 : name == "center" ? missing / 2 + (missing & width & 1) : missing
        var result = try repeated(fill, left)
        let isSigned =
            name == "zfill" && (text.bytes.first == UInt8(ascii: "-") || text.bytes.first == UInt8(ascii: "+"))
        if isSigned { result = text[0..<1] + result }
        result.append(text, (isSigned ? 1 : 0)..<text.count)
        result.append(try repeated(fill, missing - left))
        try reserve(bytes: result.count)
        return result
    }
}

extension TemplateText {
    static func + (left: TemplateText, right: TemplateText) -> TemplateText {
        var sum = left
        sum.append(right)
        return sum
    }
}
