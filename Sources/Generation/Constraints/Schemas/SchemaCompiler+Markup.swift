import OrderedJSON

/// Arguments of a tool call in Qwen3-Coder's markup.
extension SchemaCompiler {
    static let closingTag = "</parameter>"
    /// Above this length a text without `<` is counted, which is cheaper than looking for the closing tag.
    private static let exactLength = 64

    /// The parameters of a call, each on lines of its own: declared ones in declared order, others if none is declared.
    mutating func markupParameters(_ schema: JSONValue) throws(GrammarError) -> GrammarNode {
        let object = try expanded(schema, "", hops: 0)
        guard object["anyOf"] == nil, object["oneOf"] == nil, object["enum"] == nil, object["const"] == nil else {
            throw GrammarError(reason: "the arguments of this model's tools need one object schema at the top")
        }
        guard try SchemaKeywords.types(object, "").contains(where: { $0 == "object" || $0 == "any" }) else {
            throw GrammarError(path: "/type", reason: "the arguments of a tool are an object")
        }
        let parts = try ObjectSchema(object, "")
        var nodes: [GrammarNode] = []
        for (key, schema) in parts.properties {
            let path = SchemaPointer.append(key, to: "/properties")
            let isRequired = parts.required.contains(UTF8Key(key))
            if case .bool(false) = schema, !isRequired { continue }
            let node = try parameter(key, try markupValue(schema, path), path)
            nodes.append(isRequired ? node : .optional(node))
        }
        for key in parts.undeclared {
            guard let additional = parts.additional else {
                throw GrammarError(path: "/required", reason: "'\(key.prefix(64))' is required, but not allowed")
            }
            nodes.append(try parameter(key, try markupValue(additional, "/additionalProperties"), "/required"))
        }
        guard parts.minimum <= parts.required.count, (parts.maximum ?? .max) >= nodes.count else {
            throw GrammarError(reason: "'minProperties' or 'maxProperties' can't be enforced for this model's tools")
        }
        if nodes.isEmpty, let additional = parts.additional, parts.maximum == nil {
            let start = ScalarSet([0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
            let key = CharacterAutomaton(
                edges: [[.init(set: start, target: 1)], [.init(set: .wordCharacters, target: 1)]],
                isAccepting: [false, true])
            let value = try markupValue(additional, "/additionalProperties")
            nodes.append(
                .repetition(
                    .sequence([
                        .text("<parameter="), .characters(key, .plain), .text(">\n"), value,
                        .text("\n\(Self.closingTag)\n"),
                    ]), minimum: 0, maximum: nil))
        }
        return .sequence(nodes)
    }

    private func parameter(_ key: String, _ value: GrammarNode, _ path: String) throws(GrammarError) -> GrammarNode {
        guard key.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: ">") && $0 != UInt8(ascii: "<") }),
            !key.isEmpty, key.utf8.count <= 256
        else {
            throw GrammarError(path: path, reason: "a parameter of this name can't be written in the model's markup")
        }
        return .sequence([.text("<parameter=\(key)>\n"), value, .text("\n\(Self.closingTag)\n")])
    }

    /// Strings stand for themselves, everything else is JSON.
    private mutating func markupValue(_ schema: JSONValue, _ path: String) throws(GrammarError) -> GrammarNode {
        guard schema != .bool(false) else { throw GrammarError(path: path, reason: "nothing satisfies 'false'") }
        let object = try expanded(schema, path, hops: 0)
        if let alternatives = (object["anyOf"] ?? object["oneOf"])?.array, !alternatives.isEmpty {
            var base = object
            base["anyOf"] = nil
            if object["anyOf"] == nil { base["oneOf"] = nil }
            var nodes: [GrammarNode] = []
            for alternative in alternatives where alternative != .bool(false) {
                let part = try expanded(alternative, path, hops: 0)
                nodes.append(try markupValue(.object(try SchemaMerge.merge(base, part, path)), path))
            }
            return .choice(nodes)
        }
        if let values = try literals(object, path) {
            let words = values.map { value in value.string.map { Array($0.utf8) } ?? value.serializedBytes }
            let tag = Array(Self.closingTag.utf8)
            guard !words.contains(where: { word in word.indices.contains { word[$0...].starts(with: tag) } }) else {
                throw GrammarError(path: path, reason: "a value holds the tag that ends it")
            }
            return .automaton(ByteAutomaton(words: words))
        }
        var nodes: [GrammarNode] = []
        if object["nullable"]?.bool == true { nodes.append(.text("null")) }
        for type in try SchemaKeywords.types(object, path) {
            if type == "string" || type == "any" {
                nodes.append(try markupText(object, path))
            } else {
                var part = object
                part["type"] = .string(type)
                part["nullable"] = nil
                nodes.append(try inner(.object(part), path))
            }
        }
        return .choice(nodes)
    }

    private mutating func markupText(_ object: JSONObject, _ path: String) throws(GrammarError) -> GrammarNode {
        let (minimum, maximum) = try lengths(of: object, path)
        let free = CharacterAutomaton(excluding: [Self.closingTag])
        if let characters = try characters(of: object, path) {
            return .characters(try intersection(of: [characters, free], path), .plain)
        }
        guard minimum > 0 || maximum != nil else { return .characters(free, .plain) }
        guard max(minimum, maximum ?? 0) > Self.exactLength else {
            let counted = CharacterAutomaton(minimum: minimum, maximum: maximum)
            return .characters(try intersection(of: [counted, free], path), .plain)
        }
        let one = CharacterAutomaton(
            edges: [[.init(set: ScalarSet(0x3C).complement, target: 1)], []], isAccepting: [false, true])
        return .repetition(shared(.characters(one, .plain)), minimum: minimum, maximum: maximum)
    }
}
