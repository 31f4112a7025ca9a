extension TemplateRenderer {
    /// Filters that compare elements, nil if `name` is none of them.
    @inline(never)
    func orderFilter(
        _ name: String, _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue? {
        switch name {
        case "sort": return try sorted(value, arguments)
        case "unique":
            let values = try bind(arguments, "case_sensitive", "attribute")
            return try unique(try elements(of: value), attribute: values[1], caseSensitive: values[0]?.isTrue ?? false)
        case "min", "max":
            let values = try bind(arguments, "case_sensitive", "attribute")
            return try extreme(
                try elements(of: value), isLeast: name == "min", attribute: values[1],
                caseSensitive: values[0]?.isTrue ?? false)
        case "dictsort": return try dictionarySorted(value, arguments)
        case "groupby": return try grouped(value, arguments)
        default: return nil
        }
    }

    private func sorted(
        _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        let values = try bind(arguments, "reverse", "case_sensitive", "attribute")
        let elements = try elements(of: value)
        let caseSensitive = values[1]?.isTrue ?? false
        var keys: [TemplateValue]
        if let attribute = given(values[2]), case .string(let text) = attribute {
            // Several attributes, with commas between them, are compared one after the other.
            let names = text.string.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            keys = []
            for element in elements {
                let parts = try names.map { name throws(TemplateError) in
                    let part = try picked(.plain(name), of: element)
                    return caseSensitive ? part : try ignoringCase(part)
                }
                keys.append(try list(parts))
            }
        } else {
            keys = try self.keys(elements, attribute: values[2], caseSensitive: caseSensitive)
        }
        let places = try sortedPlaces(keys, reversed: values[0]?.isTrue ?? false)
        return try list(places.map { elements[$0] })
    }

    private func unique(
        _ elements: [TemplateValue], attribute: TemplateValue?, caseSensitive: Bool
    ) throws(TemplateError) -> TemplateValue {
        var seen: Set<TemplateKey> = []
        var kept: [TemplateValue] = []
        var hasMissing = false
        for (element, key) in zip(elements, try keys(elements, attribute: attribute, caseSensitive: caseSensitive)) {
            if key.isUndefined {
                if !hasMissing { kept.append(element) }
                hasMissing = true
                continue
            }
            guard let key = try self.key(key) else {
                throw failure("lists and mappings cannot be told apart by 'unique'")
            }
            if seen.insert(key).inserted { kept.append(element) }
        }
        return try list(kept)
    }

    private func extreme(
        _ elements: [TemplateValue], isLeast: Bool, attribute: TemplateValue?, caseSensitive: Bool
    ) throws(TemplateError) -> TemplateValue {
        let keys = try keys(elements, attribute: attribute, caseSensitive: caseSensitive)
        guard !elements.isEmpty else { return .undefined(TemplateMissing(name: "the least or greatest of nothing")) }
        var best = 0
        for place in keys.indices.dropFirst() {
            let (low, high) = isLeast ? (keys[place], keys[best]) : (keys[best], keys[place])
            if try isLess(low, high) { best = place }
        }
        return elements[best]
    }

    private func dictionarySorted(
        _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        let values = try bind(arguments, "case_sensitive", "by", "reverse")
        guard case .dictionary(let dictionary) = value else { throw failure("'dictsort' needs a mapping") }
        let by = try values[1].map(string)?.string ?? "key"
        guard by == "key" || by == "value" else { throw failure("'dictsort' sorts by 'key' or 'value'") }
        let compared = by == "key" ? dictionary.keys : dictionary.values
        let keys = try keys(compared, attribute: nil, caseSensitive: values[0]?.isTrue ?? false)
        let items = dictionary.items
        return try list(try sortedPlaces(keys, reversed: values[2]?.isTrue ?? false).map { items[$0] })
    }

    private func grouped(
        _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        let values = try bind(arguments, "attribute", "default", "case_sensitive")
        guard let attribute = values[0] else { throw failure("'groupby' needs an attribute") }
        let elements = try elements(of: value)
        let names = try keys(elements, attribute: attribute, caseSensitive: true, standard: values[1])
        let caseSensitive = values[2]?.isTrue ?? false
        let keys = caseSensitive ? names : try names.map { name throws(TemplateError) in try ignoringCase(name) }
        var groups: [TemplateValue] = []
        var members: [Int] = []
        for place in try sortedPlaces(keys) {
            if let first = members.first, !(try areEqual(keys[first], keys[place])) {
                groups.append(try group(names[first], members.map { elements[$0] }))
                members = []
            }
            members.append(place)
        }
        if let first = members.first { groups.append(try group(names[first], members.map { elements[$0] })) }
        return try list(groups)
    }

    private func group(_ name: TemplateValue, _ members: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        try list([name, try list(members)], kind: .group)
    }
}
