extension TemplateRenderer {
    /// Filters that make text, nil if `name` is none of them.
    @inline(never)
    func textFilter(
        _ name: String, _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue? {
        switch name {
        case "trim":
            let set = try given(try bind(arguments, "chars")[0]).map(string)
            let text = try text(value)
            try spend(bytes: text.count)
            return .string(text.trimmed(set))
        case "upper", "lower", "title", "capitalize", "escape", "e", "forceescape", "striptags", "wordcount":
            _ = try bind(arguments)
            let text = try text(value)
            try spend(bytes: text.count, factor: 16)
            return try cased(name, text)
        case "replace":
            let values = try bind(arguments, "old", "new", "count")
            guard let old = values[0], let new = values[1] else { throw failure("'replace' needs two strings") }
            let count = try integer(given(values[2]), else: -1)
            return .string(try replaced(try text(value), try text(old), try text(new), count < 0 ? .max : count))
        case "string": return .string(try text(value))
        case "safe":
            var safe = try text(value)
            safe.isSafe = true
            return .string(safe)
        case "tojson": return try json(value, arguments)
        case "pprint": return .string(try representation(value))
        case "indent": return .string(try indented(try text(value), arguments))
        case "center": return try call("center", of: try text(value), withWidth(arguments))
        case "truncate": return .string(try truncated(try text(value), arguments))
        case "urlencode": return .string(try urlEncoded(value))
        case "format":
            guard arguments.named.isEmpty else {
                var builder = TemplateDictionaryBuilder()
                for (name, value) in arguments.named { try set(.plain(name), value, in: &builder) }
                return .string(try formatted(try text(value), printf: try dictionary(builder)))
            }
            return .string(try formatted(try text(value), printf: try list(arguments.positional, kind: .tuple)))
        default: return nil
        }
    }

    private func cased(_ name: String, _ text: TemplateText) throws(TemplateError) -> TemplateValue {
        switch name {
        case "upper": return .string(text.uppercased)
        case "lower": return .string(text.lowercased)
        case "title": return .string(text.wordsCapitalized)
        case "capitalize": return .string(text.capitalized)
        case "wordcount":
            var count = 0
            var isInWord = false
            for scalar in text.scalars {
                let isWord = ScalarClasses.isWordCharacter(scalar)
                if isWord, !isInWord { count += 1 }
                isInWord = isWord
            }
            return .integer(count)
        case "striptags": return .string(withoutTags(text))
        default:
            var escaped = text
            if name == "forceescape" { escaped.isSafe = false }
            escaped = escaped.escapedForHTML
            try reserve(bytes: escaped.count)
            return .string(escaped)
        }
    }

    private func withWidth(_ arguments: TemplateCallArguments) -> TemplateCallArguments {
        var arguments = arguments
        if arguments.positional.isEmpty, arguments.named.isEmpty { arguments.positional = [.integer(80)] }
        return arguments
    }

    private func indented(
        _ text: TemplateText, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateText {
        let values = try bind(arguments, "width", "first", "blank")
        let indent: TemplateText
        if case .string(let given)? = values[0] {
            indent = given
        } else {
            indent = try repeated(TemplateText(" ", isMarkup: false), try integer(values[0], else: 4))
        }
        let isFirst = values[1]?.isTrue ?? false
        let isBlank = values[2]?.isTrue ?? false
        let lineBreak = TemplateText("\n", isMarkup: false)
        try spend(bytes: text.count, factor: 2)
        let ended = text + lineBreak
        let lines = ended.lineRanges
        try spend(lines.count)
        var result = isFirst ? indent : TemplateText()
        for (place, line) in lines.enumerated() {
            try spend(bytes: indent.count)
            guard result.count + indent.count + line.count < limits.stringBytes else { throw tooLong }
            if place > 0 {
                result.append(lineBreak)
                if isBlank || !line.isEmpty { result.append(indent) }
            }
            result.append(ended, line)
        }
        return result
    }

    private func truncated(
        _ text: TemplateText, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateText {
        let values = try bind(arguments, "length", "killwords", "end", "leeway")
        let length = try integer(values[0], else: 255)
        let end = try values[2].map(self.text) ?? TemplateText("...", isMarkup: false)
        let leeway = try integer(given(values[3]), else: 5)
        try spend(bytes: text.count, factor: 2)
        let offsets = text.scalarOffsets
        let kept = length.subtractingReportingOverflow(end.scalarCount)
        guard length >= 0, leeway >= 0, !kept.overflow, kept.partialValue >= 0 else {
            throw failure("'truncate' needs a length of at least its end")
        }
        guard offsets.count - 1 > length.addingReportingOverflow(leeway).partialValue, leeway <= 1 << 32,
            length <= 1 << 32
        else { return text }
        var cut = text[0..<offsets[kept.partialValue]]
        if values[1]?.isTrue != true, let space = cut.bytes.lastIndex(of: 0x20) { cut = cut[0..<space] }
        return cut + end
    }

    /// Comments and tags cut out, white space joined, the commonest entities resolved.
    private func withoutTags(_ text: TemplateText) -> TemplateText {
        var kept = TemplateText()
        var start = 0
        let open = TemplateText("<", isMarkup: false)
        let close = TemplateText(">", isMarkup: false)
        while let tag = text.firstPlace(of: open, from: start), let end = text.firstPlace(of: close, from: tag) {
            kept.append(text, start..<tag)
            start = end + 1
        }
        kept.append(text, start..<text.count)
        var joined = TemplateText()
        for (place, word) in kept.wordRanges().enumerated() {
            if place > 0 { joined.append(TemplateText(" ", isMarkup: false)) }
            joined.append(kept, word)
        }
        for (entity, character) in [
            ("&lt;", "<"), ("&gt;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&quot;", "\""), ("&amp;", "&"),
        ] {
            let (old, new) = (TemplateText(entity, isMarkup: false), TemplateText(character, isMarkup: false))
            joined = joined.replacing(old, with: new, limit: .max)
        }
        return joined
    }

    private func urlEncoded(_ value: TemplateValue) throws(TemplateError) -> TemplateText {
        let pairs: [TemplateValue]
        switch value {
        case .dictionary(let dictionary): pairs = dictionary.items
        case .list(let list): pairs = list.elements
        default: return try percentEncoded(try text(value), isQuery: false)
        }
        var output = TemplateText()
        for (place, pair) in pairs.enumerated() {
            let parts = try elements(of: pair)
            guard parts.count == 2 else { throw failure("'urlencode' needs pairs") }
            if place > 0 { output.append(TemplateText("&", isMarkup: false)) }
            output.append(try percentEncoded(try text(parts[0]), isQuery: true))
            output.append(TemplateText("=", isMarkup: false))
            output.append(try percentEncoded(try text(parts[1]), isQuery: true))
            try check(bytes: output.count)
        }
        return output
    }

    private func percentEncoded(_ text: TemplateText, isQuery: Bool) throws(TemplateError) -> TemplateText {
        try reserve(bytes: text.count * 3)
        let digits = Array("0123456789ABCDEF".utf8)
        var output: [UInt8] = []
        for byte in text.bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "~"):
                output.append(byte)
            case UInt8(ascii: "/") where !isQuery: output.append(byte)
            case 0x20 where isQuery: output.append(UInt8(ascii: "+"))
            default: output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return TemplateText(output, isMarkup: false)
    }
}
