extension TemplateRenderer {
    /// The places of `keys` in ascending order, equal ones in their own; a merge sort, since comparing may throw.
    func sortedPlaces(_ keys: [TemplateValue], reversed: Bool = false) throws(TemplateError) -> [Int] {
        var places = Array(keys.indices)
        var merged = places
        var width = 1
        while width < places.count {
            var start = 0
            while start < places.count {
                let middle = min(start + width, places.count)
                let end = min(middle + width, places.count)
                var left = start
                var right = middle
                for place in start..<end {
                    var takesRight = left >= middle
                    if !takesRight, right < end {
                        let (first, second) = (keys[places[left]], keys[places[right]])
                        takesRight = reversed ? try isLess(first, second) : try isLess(second, first)
                    }
                    merged[place] = places[takesRight ? right : left]
                    if takesRight { right += 1 } else { left += 1 }
                }
                start = end
            }
            swap(&places, &merged)
            width *= 2
        }
        return places
    }

    /// Strings in lower case, so that comparing ignores case; other values as they are.
    func ignoringCase(_ value: TemplateValue) throws(TemplateError) -> TemplateValue {
        guard case .string(let text) = value else { return value }
        try spend(bytes: text.count, factor: 16)
        return .string(text.lowercased)
    }

    /// What an `attribute` argument such as `a.b` or `0` picks out of `value`.
    func picked(
        _ attribute: TemplateValue, of value: TemplateValue, else standard: TemplateValue? = nil
    ) throws(TemplateError) -> TemplateValue {
        if case .integer = attribute { return try item(attribute, of: value) }
        var result = value
        try spend(bytes: try string(attribute).count)
        for part in try string(attribute).string.split(separator: ".", omittingEmptySubsequences: false) {
            let key = Int(part).map(TemplateValue.integer) ?? .plain(String(part))
            result = try item(key, of: result)
            if let standard, result.isUndefined { result = standard }
        }
        return result
    }

    /// The keys that `sort`, `unique`, `min` and `max` compare.
    func keys(
        _ elements: [TemplateValue], attribute: TemplateValue?, caseSensitive: Bool, standard: TemplateValue? = nil
    ) throws(TemplateError) -> [TemplateValue] {
        var keys: [TemplateValue] = []
        for element in elements {
            let key = try given(attribute).map { name throws(TemplateError) in
                try picked(name, of: element, else: standard)
            }
            keys.append(caseSensitive ? key ?? element : try ignoringCase(key ?? element))
        }
        return keys
    }
}
