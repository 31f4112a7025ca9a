import OrderedJSON

/// Schemas of each type of value.
extension SchemaCompiler {
    /// Declared members in declared order, then others where they are allowed.
    mutating func objectNode(_ object: JSONObject, _ path: String) throws(GrammarError) -> GrammarNode {
        let parts = try ObjectSchema(object, path)
        var members: [GrammarMembers.Member] = []
        for (key, schema) in parts.properties {
            let path = SchemaPointer.append(key, to: path + "/properties")
            let isRequired = parts.required.contains(UTF8Key(key))
            if case .bool(false) = schema, !isRequired { continue }
            members.append(.init(key: Self.key(key), value: try inner(schema, path), isRequired: isRequired))
        }
        var additional: GrammarNode?
        if let schema = parts.additional {
            additional = shared(try inner(schema, path + "/additionalProperties"))
        }
        for key in parts.undeclared {
            guard let additional else {
                throw GrammarError(path: path, reason: "'\(key.prefix(64))' is required, but not allowed")
            }
            members.append(.init(key: Self.key(key), value: additional, isRequired: true))
        }
        guard let additional else {
            let required = members.count { $0.isRequired }
            guard parts.minimum <= required, (parts.maximum ?? .max) >= members.count else {
                throw GrammarError(path: path, reason: "'minProperties' or 'maxProperties' can't be enforced here")
            }
            return JSONGrammar.objectNode(JSONGrammar.members(members, rest: nil))
        }
        guard members.isEmpty || parts.maximum == nil && parts.minimum <= members.count(where: \.isRequired) else {
            throw GrammarError(
                path: path, reason: "'minProperties' and 'maxProperties' beside 'properties' can't be enforced")
        }
        let names = parts.properties.map(\.key) + parts.undeclared
        // A state per character, with all other characters beside it.
        try spend(names.reduce(0) { $0 + $1.utf8.count * 50 }, path)
        let key =
            names.isEmpty
            ? JSONGrammar.string
            : .sequence([.text("\""), .characters(CharacterAutomaton(except: names), .json), .text("\"")])
        let member = shared(.sequence([key, JSONGrammar.colon, additional]))
        return JSONGrammar.objectNode(
            JSONGrammar.members(members, rest: (member, members.isEmpty ? parts.minimum : 0, parts.maximum)))
    }

    private static func key(_ key: String) -> GrammarNode {
        .sequence([.bytes(JSONValue.string(key).serializedBytes), JSONGrammar.colon])
    }

    mutating func arrayNode(_ object: JSONObject, _ path: String) throws(GrammarError) -> GrammarNode {
        let minimum = try SchemaKeywords.count("minItems", of: object, path) ?? 0
        var maximum = try SchemaKeywords.count("maxItems", of: object, path)
        var prefix: [GrammarNode] = []
        if let list = object["prefixItems"] {
            guard let schemas = list.array, schemas.count <= 256 else {
                throw GrammarError(path: path, reason: "'prefixItems' must be a list of up to 256 schemas")
            }
            for (place, schema) in schemas.enumerated() {
                if let maximum, place >= maximum { break }
                prefix.append(try inner(schema, "\(path)/prefixItems/\(place)"))
            }
        }
        var item = GrammarNode.rule(JSONGrammar.value)
        switch object["items"] {
        case nil: break
        case .bool(false): maximum = min(maximum ?? .max, prefix.count)
        case .array?:
            throw GrammarError(path: path, reason: "'items' as a list is older JSON Schema; write 'prefixItems'")
        case let schema?:
            if maximum != 0 { item = shared(try inner(schema, path + "/items")) }
        }
        guard minimum <= maximum ?? minimum else {
            throw GrammarError(path: path, reason: "no array has at least \(minimum) and at most \(maximum ?? 0) items")
        }
        guard !prefix.isEmpty else { return JSONGrammar.arrayNode(item: item, minimum: minimum, maximum: maximum) }
        let end = GrammarNode.sequence([.rule(JSONGrammar.space), .text("]")])
        let more = GrammarNode.repetition(
            .sequence([JSONGrammar.comma, item]), minimum: max(0, minimum - prefix.count),
            maximum: maximum.map { max(0, $0 - prefix.count) })
        var tail = shared(.sequence([more, end]))
        let close = shared(end)
        for (place, node) in prefix.enumerated().reversed() {
            let separated = GrammarNode.sequence([place > 0 ? JSONGrammar.comma : .empty, node, tail])
            let mayEnd = place >= minimum
            tail = mayEnd ? .choice([separated, place > 0 ? close : .text("]")]) : separated
        }
        return .sequence([.text("["), .rule(JSONGrammar.space), tail])
    }

    mutating func stringNode(_ object: JSONObject, _ path: String) throws(GrammarError) -> GrammarNode {
        let (minimum, maximum) = try lengths(of: object, path)
        guard let automaton = try characters(of: object, path) else {
            return JSONGrammar.string(minimum: minimum, maximum: maximum)
        }
        return .sequence([.text("\""), .characters(automaton, .json), .text("\"")])
    }

    func lengths(of object: JSONObject, _ path: String) throws(GrammarError) -> (minimum: Int, maximum: Int?) {
        let minimum = try SchemaKeywords.count("minLength", of: object, path) ?? 0
        let maximum = try SchemaKeywords.count("maxLength", of: object, path)
        guard minimum <= maximum ?? minimum else {
            throw GrammarError(path: path, reason: "'minLength' is above 'maxLength'")
        }
        return (minimum, maximum)
    }

    /// What `pattern` and `format`, and the lengths beside them, allow; none: there are no such keywords.
    mutating func characters(of object: JSONObject, _ path: String) throws(GrammarError) -> CharacterAutomaton? {
        var patterns: [(key: String, text: String)] = []
        for key in ["pattern", "format"] {
            guard let value = object[key] else { continue }
            guard let text = value.string else { throw GrammarError(path: path, reason: "'\(key)' must be a string") }
            if key == "pattern" { patterns.append((key, text)) }
            if key == "format", let pattern = StringFormats.pattern(of: text) { patterns.append((key, pattern)) }
        }
        guard !patterns.isEmpty else { return nil }
        var automata: [CharacterAutomaton] = []
        for (key, pattern) in patterns {
            automata.append(try automaton(of: pattern, "\(path)/\(key)"))
        }
        let (minimum, maximum) = try lengths(of: object, path)
        if minimum > 0 || maximum != nil {
            guard max(minimum, maximum ?? 0) <= limits.patternStates else {
                throw GrammarError(
                    path: path, reason: "a length of that size beside 'pattern' or 'format' is too large")
            }
            automata.append(CharacterAutomaton(minimum: minimum, maximum: maximum))
        }
        return try intersection(of: automata, path)
    }

    private mutating func automaton(of pattern: String, _ path: String) throws(GrammarError) -> CharacterAutomaton {
        if let known = patterns[pattern] { return known }
        let made: (automaton: CharacterAutomaton, steps: Int)
        do {
            made = try PatternAutomaton.make(pattern, limits: limits)
        } catch {
            try spend(limits.patternSteps / 10, path)
            throw GrammarError(path: path, reason: error.reason)
        }
        try spend(made.steps, path)
        patterns[pattern] = made.automaton
        return made.automaton
    }

    /// The texts that all of `automata` accept.
    mutating func intersection(of automata: [CharacterAutomaton], _ path: String) throws(GrammarError)
        -> CharacterAutomaton
    {
        var result = automata[0]
        for other in automata.dropFirst() {
            guard let both = result.intersection(other, limit: limits.patternStates * 4) else {
                throw GrammarError(path: path, reason: "'pattern', 'format' and lengths are too large together")
            }
            guard let trimmed = both.trimmed() else {
                throw GrammarError(path: path, reason: "no string satisfies 'pattern', 'format' and lengths together")
            }
            result = trimmed
            try spend(both.edges.count * 60, path)
        }
        return result
    }

    mutating func numberNode(_ object: JSONObject, _ path: String, isInteger: Bool) throws(GrammarError) -> GrammarNode
    {
        func bound(_ key: String) throws(GrammarError) -> DecimalText? {
            guard let value = object[key] else { return nil }
            guard let text = DecimalText(value) else {
                throw GrammarError(path: path, reason: "'\(key)' must be a number")
            }
            return text
        }
        var rules = NumberGrammar.Rules()
        rules.isInteger = isInteger
        if let value = try bound("minimum") { rules.lower = (value, true) }
        if let value = try bound("maximum") { rules.upper = (value, true) }
        if let value = try bound("exclusiveMinimum") {
            if rules.lower.map({ !(value < $0.value) }) ?? true { rules.lower = (value, false) }
        }
        if let value = try bound("exclusiveMaximum") {
            if rules.upper.map({ !($0.value < value) }) ?? true { rules.upper = (value, false) }
        }
        rules.multipleOf = try bound("multipleOf")
        guard let (node, states) = NumberGrammar.node(rules) else {
            throw GrammarError(
                path: path, reason: "no number satisfies these bounds, or they are too fine to be enforced")
        }
        try spend(states * 20, path)
        return node
    }
}

/// The keywords of an object's schema, checked.
struct ObjectSchema {
    var properties: [(key: String, value: JSONValue)] = []
    var required: Set<UTF8Key> = []
    /// Required, but not among the properties.
    var undeclared: [String] = []
    /// What other members must be; none: there are none.
    var additional: JSONValue?
    var minimum: Int
    var maximum: Int?

    init(_ object: JSONObject, _ path: String) throws(GrammarError) {
        minimum = try SchemaKeywords.count("minProperties", of: object, path) ?? 0
        maximum = try SchemaKeywords.count("maxProperties", of: object, path)
        if let value = object["properties"] {
            guard let members = value.object else {
                throw GrammarError(path: path, reason: "'properties' must be an object")
            }
            properties = members.entries
        }
        let declared = Set(properties.map { UTF8Key($0.key) })
        if let value = object["required"] {
            guard let names = value.array, names.allSatisfy({ $0.string != nil }) else {
                throw GrammarError(path: path, reason: "'required' must be a list of names")
            }
            for name in names.compactMap(\.string) where required.insert(UTF8Key(name)).inserted {
                if !declared.contains(UTF8Key(name)) { undeclared.append(name) }
            }
        }
        switch object["additionalProperties"] {
        case nil: additional = properties.isEmpty || !undeclared.isEmpty ? .bool(true) : nil
        case .bool(false): additional = nil
        case .bool(true): additional = .bool(true)
        case .object(let schema): additional = .object(schema)
        default: throw GrammarError(path: path, reason: "'additionalProperties' must be a schema")
        }
        guard minimum <= maximum ?? minimum else {
            throw GrammarError(path: path, reason: "'minProperties' is above 'maxProperties'")
        }
    }
}
