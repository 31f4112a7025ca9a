import OrderedJSON

/// Makes one schema of two that must hold together, where that can be said with the same keywords.
enum SchemaMerge {
    static func merge(_ left: JSONObject, _ right: JSONObject, _ path: String) throws(GrammarError) -> JSONObject {
        try checkClosed(left, right, path)
        try checkClosed(right, left, path)
        var result = left
        for (key, value) in right.entries {
            guard let other = result[key], other != value else {
                result[key] = value
                continue
            }
            result[key] = try merge(key, other, value, path)
        }
        return result
    }

    /// Each `additionalProperties` looks at the properties beside it only.
    private static func checkClosed(_ left: JSONObject, _ right: JSONObject, _ path: String) throws(GrammarError) {
        guard let additional = left["additionalProperties"], additional != .bool(true) else { return }
        let declared = left["properties"]?.object ?? JSONObject()
        let keys = right["properties"]?.object?.keys ?? []
        guard keys.allSatisfy({ declared.contains($0) }) else {
            throw GrammarError(
                path: path,
                reason: "'additionalProperties' forbids properties that stand beside it in 'allOf', 'anyOf' or '$ref'")
        }
    }

    private static func merge(
        _ key: String, _ left: JSONValue, _ right: JSONValue, _ path: String
    ) throws(GrammarError) -> JSONValue {
        switch key {
        case "properties":
            guard var members = left.object, let others = right.object else { break }
            for (name, schema) in others.entries {
                members[name] = members[name].map { $0 == schema ? schema : both($0, schema) } ?? schema
            }
            return .object(members)
        case "required":
            guard let names = left.array, let others = right.array else { break }
            return .array(names + others.filter { !names.contains($0) })
        case "type":
            let names = left.string.map { [$0] } ?? left.array?.compactMap(\.string) ?? []
            let others = right.string.map { [$0] } ?? right.array?.compactMap(\.string) ?? []
            var common = names.filter(others.contains)
            for (some, more) in [(names, others), (others, names)] {
                if some.contains("integer"), more.contains("number"), !common.contains("integer") {
                    common.append("integer")
                }
            }
            guard !common.isEmpty else { throw GrammarError(path: path, reason: "no type satisfies both schemas") }
            return .array(common.map { .string($0) })
        case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
            guard let a = DecimalText(left), let b = DecimalText(right) else { break }
            return a < b ? right : left
        case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
            guard let a = DecimalText(left), let b = DecimalText(right) else { break }
            return a < b ? left : right
        case "enum":
            guard let values = left.array, let others = right.array else { break }
            return .array(values.filter(others.contains))
        case "items": return both(left, right)
        case "additionalProperties":
            if left == .bool(true) { return right }
            if right == .bool(true) { return left }
            if left == .bool(false) || right == .bool(false) { return .bool(false) }
            return both(left, right)
        case "nullable": return .bool(left.bool == true && right.bool == true)
        case "pattern", "format", "multipleOf", "const", "anyOf", "oneOf", "prefixItems", "$ref", "allOf": break
        default: return left
        }
        throw GrammarError(path: path, reason: "'\(key)' of two schemas that must hold together can't be merged")
    }

    private static func both(_ left: JSONValue, _ right: JSONValue) -> JSONValue {
        if left == .bool(true) { return right }
        if right == .bool(true) { return left }
        if left == .bool(false) || right == .bool(false) { return .bool(false) }
        return ["allOf": .array([left, right])]
    }
}
