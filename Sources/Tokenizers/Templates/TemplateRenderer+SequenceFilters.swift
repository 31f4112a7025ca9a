extension TemplateRenderer {
    /// Filters over sequences, nil if `name` is none of them.
    @inline(never)
    func sequenceFilter(
        _ name: String, _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue? {
        switch name {
        case "length", "count":
            _ = try bind(arguments)
            return .integer(try length(of: value))
        case "first", "last":
            _ = try bind(arguments)
            return try end(of: value, isFirst: name == "first")
        case "list":
            _ = try bind(arguments)
            return try list(try elements(of: value))
        case "reverse":
            guard case .string(let text) = value else { return try list(try elements(of: value).reversed()) }
            try spend(bytes: text.count, factor: 8)
            return .string(text.picking((0..<text.scalarCount).reversed()))
        case "join":
            let values = try bind(arguments, "d", "attribute")
            var parts = try elements(of: value)
            if let attribute = given(values[1]) {
                for place in parts.indices { parts[place] = try picked(attribute, of: parts[place]) }
            }
            return .string(try joined(parts, try values[0].map(text) ?? TemplateText()))
        case "items":
            _ = try bind(arguments)
            if value.isUndefined { return try list([]) }
            guard case .dictionary(let dictionary) = value else { throw failure("'items' needs a mapping") }
            try spend(dictionary.keys.count)
            return try list(dictionary.items)
        case "batch": return try batches(value, arguments)
        case "slice": return try slices(value, arguments)
        default: return nil
        }
    }

    private func length(of value: TemplateValue) throws(TemplateError) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text):
            try spend(bytes: text.count)
            return text.scalarCount
        case .list(let list): return list.elements.count
        case .dictionary(let dictionary): return dictionary.keys.count
        case .range(let range): return range.count
        default: throw failure("a value of type \(value.typeName) has no length")
        }
    }

    private func end(of value: TemplateValue, isFirst: Bool) throws(TemplateError) -> TemplateValue {
        let missing = TemplateValue.undefined(TemplateMissing(name: "the sequence is empty, its end"))
        switch value {
        case .undefined: return missing
        case .list(let list): return (isFirst ? list.elements.first : list.elements.last) ?? missing
        case .dictionary(let dictionary): return (isFirst ? dictionary.keys.first : dictionary.keys.last) ?? missing
        case .string(let text):
            guard !text.isEmpty else { return missing }
            if isFirst { return .string(text[0..<UTF8Text.length(lead: text.bytes[0])]) }
            return .string(text[UTF8Text.start(text.bytes, before: text.count)..<text.count])
        case .range(let range): return range.count > 0 ? range[isFirst ? 0 : range.count - 1] : missing
        default: throw failure("a value of type \(value.typeName) has no elements")
        }
    }

    /// The texts of `parts` with `separator` between them.
    func joined(_ parts: [TemplateValue], _ separator: TemplateText) throws(TemplateError) -> TemplateText {
        var output = TemplateText()
        for (place, part) in parts.enumerated() {
            let text = try text(part)
            try spend(bytes: text.count + separator.count)
            guard output.count + text.count + separator.count <= limits.stringBytes else {
                throw tooLong
            }
            if place > 0 { output.append(separator) }
            output.append(text)
        }
        output.isSafe = false
        return output
    }

    private func batches(
        _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        let values = try bind(arguments, "linecount", "fill_with")
        guard values[0]?.integer != nil else { throw failure("'batch' needs a number of elements") }
        let size = try integer(values[0], else: 0)
        var batches: [TemplateValue] = []
        var batch: [TemplateValue] = []
        for element in try elements(of: value) {
            if batch.count == size {
                batches.append(try list(batch))
                batch = []
            }
            batch.append(element)
        }
        guard !batch.isEmpty else { return try list(batches) }
        if let fill = given(values[1]), batch.count < size {
            try spend(size - batch.count)
            batch += Array(repeating: fill, count: size - batch.count)
        }
        batches.append(try list(batch))
        return try list(batches)
    }

    private func slices(
        _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        let values = try bind(arguments, "slices", "fill_with")
        let count = try integer(values[0], else: 0)
        guard count > 0 else { throw failure("'slice' needs a number of slices above zero") }
        try spend(count)
        let elements = try elements(of: value)
        let (size, longer) = elements.count.quotientAndRemainder(dividingBy: count)
        var slices: [TemplateValue] = []
        var start = 0
        for index in 0..<count {
            let end = start + size + (index < longer ? 1 : 0)
            var slice = Array(elements[start..<end])
            if let fill = given(values[1]), index >= longer { slice.append(fill) }
            slices.append(try list(slice))
            start = end
        }
        return try list(slices)
    }
}
