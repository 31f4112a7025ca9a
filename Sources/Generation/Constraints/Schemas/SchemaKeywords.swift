import OrderedJSON

/// What is known about JSON Schema's keywords.
enum SchemaKeywords {
    /// Keywords that say what a value must be, and are enforced.
    private static let enforced: Set<String> = [
        "$ref", "allOf", "anyOf", "oneOf", "enum", "const", "type", "nullable", "properties", "required",
        "additionalProperties", "minProperties", "maxProperties", "items", "prefixItems", "minItems", "maxItems",
        "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf",
    ]
    /// Keywords that say so too, but need more than an automaton with a stack, or are rare.
    private static let refused: Set<String> = [
        "not", "if", "then", "else", "patternProperties", "propertyNames", "dependentRequired", "dependentSchemas",
        "dependencies", "contains", "minContains", "maxContains", "unevaluatedProperties", "unevaluatedItems",
        "additionalItems", "$dynamicRef", "$recursiveRef", "extends", "disallow", "divisibleBy",
    ]
    private static let types: Set<String> = ["object", "array", "string", "number", "integer", "boolean", "null"]

    /// Refuses keywords that can't be enforced; what isn't known is an annotation, as JSON Schema has it.
    static func check(_ object: JSONObject, _ path: String) throws(GrammarError) {
        for (key, value) in object.entries {
            guard refused.contains(key) || key == "uniqueItems" else { continue }
            // Some clients write out what holds anyway.
            if key == "uniqueItems", value.bool == false { continue }
            if key.hasPrefix("unevaluated"), value.bool == true { continue }
            throw GrammarError(path: path, reason: "'\(key)' can't be enforced; leave it out or say it otherwise")
        }
    }

    /// The keywords of `object` that say what a value must be.
    static func assertions(of object: JSONObject) -> Set<String> { Set(object.keys).intersection(enforced) }

    /// The types that `object` allows; `any` if it says nothing about the value.
    static func types(_ object: JSONObject, _ path: String) throws(GrammarError) -> [String] {
        guard let value = object["type"] else {
            let about = assertions(of: object).subtracting(["nullable"])
            return [about.isEmpty ? "any" : ParameterKinds.impliedType(of: .object(object)) ?? "any"]
        }
        let names = value.string.map { [$0] } ?? value.array?.compactMap(\.string) ?? []
        guard !names.isEmpty, names.count == value.array?.count ?? 1 else {
            throw GrammarError(path: path, reason: "'type' must be a name or a list of names")
        }
        for name in names where !types.contains(name) {
            throw GrammarError(path: path, reason: "there is no type '\(name.prefix(64))'")
        }
        let isNumber = names.contains("number")
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted && !(isNumber && $0 == "integer") }
    }

    /// A keyword that counts something.
    static func count(_ key: String, of object: JSONObject, _ path: String) throws(GrammarError) -> Int? {
        guard let value = object[key] else { return nil }
        guard let count = value.integer, count >= 0 else {
            throw GrammarError(path: path, reason: "'\(key)' must be a whole number, zero or above")
        }
        guard count <= 1_000_000_000 || key.hasPrefix("max") else {
            throw GrammarError(path: path, reason: "'\(key)' is too large")
        }
        return min(count, 1_000_000_000)
    }
}
