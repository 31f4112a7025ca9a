import OrderedJSON

/// Makes a grammar of a JSON Schema; refuses what it can't enforce.
struct SchemaCompiler {
    let root: JSONValue
    let limits: GrammarLimits
    var rules = JSONGrammar.rules
    private var references: [UTF8Key: GrammarRule] = [:]
    /// References followed since the last byte of text; one of them again is a loop.
    private var open: Set<UTF8Key> = []
    private var depth = 0
    /// Schemas looked at; those that are merged count again.
    private var visits = 0
    private var enumValues = 0
    private var steps = 0
    /// Patterns come again and again, formats above all.
    var patterns: [String: CharacterAutomaton] = [:]

    init(root: JSONValue, limits: GrammarLimits) throws(GrammarError) {
        self.root = root
        self.limits = limits
        try Self.checkSize(of: root, limits: limits)
    }

    static func compile(
        _ schema: JSONValue, limits: GrammarLimits
    ) throws(GrammarError) -> (GrammarNode, [GrammarRule: GrammarNode]) {
        var compiler = try SchemaCompiler(root: schema, limits: limits)
        let node = try compiler.node(schema, "")
        return (node, compiler.rules)
    }

    /// Counts without recursion, since nothing is known of the depth yet.
    static func checkSize(of root: JSONValue, limits: GrammarLimits) throws(GrammarError) {
        var work = [(root, 0)]
        var count = 0
        var bytes = 0
        while let (value, depth) = work.popLast() {
            count += 1
            guard depth <= limits.depth * 4 else { throw GrammarError(reason: "nested too deeply") }
            let inner: [JSONValue] =
                switch value {
                case .array(let elements): elements
                case .object(let object): object.entries.map(\.value)
                default: []
                }
            bytes += value.string?.utf8.count ?? 0
            for key in value.object?.keys ?? [] { bytes += key.utf8.count }
            guard bytes <= limits.bytes else {
                throw GrammarError(reason: "more than \(limits.bytes) bytes; make it smaller")
            }
            guard count + work.count + inner.count <= limits.values else {
                throw GrammarError(reason: "more than \(limits.values) values; make it smaller")
            }
            for value in inner { work.append((value, depth + 1)) }
        }
    }

    /// The texts that satisfy `schema`, which stands at `path`.
    mutating func node(_ schema: JSONValue, _ path: String) throws(GrammarError) -> GrammarNode {
        depth += 1
        visits += 1
        defer { depth -= 1 }
        guard depth <= limits.depth else {
            throw GrammarError(path: path, reason: "more than \(limits.depth) schemas inside each other")
        }
        guard visits <= limits.values else { throw GrammarError(path: path, reason: "too large when written out") }
        switch schema {
        case .bool(true): return .rule(JSONGrammar.value)
        case .bool(false): throw GrammarError(path: path, reason: "nothing satisfies 'false'")
        case .object(let object): return try node(object, path)
        default: throw GrammarError(path: path, reason: "a schema is an object or a boolean, not \(schema.kind)")
        }
    }

    private mutating func node(_ object: JSONObject, _ path: String) throws(GrammarError) -> GrammarNode {
        try SchemaKeywords.check(object, path)
        if let reference = object["$ref"], SchemaKeywords.assertions(of: object) == ["$ref"] {
            return try node(reference: reference, path)
        }
        let object = try expanded(object, path, hops: 0)
        for key in ["anyOf", "oneOf"] {
            guard let parts = object[key] else { continue }
            guard let alternatives = parts.array, !alternatives.isEmpty else {
                throw GrammarError(path: path, reason: "'\(key)' must be a list of schemas")
            }
            var base = object
            base[key] = nil
            return try choice(of: alternatives, base: base, SchemaPointer.append(key, to: path))
        }
        let node = try plainNode(object, path)
        return object["nullable"]?.bool == true ? .choice([node, .text("null")]) : node
    }

    private mutating func choice(
        of alternatives: [JSONValue], base: JSONObject, _ path: String
    ) throws(GrammarError) -> GrammarNode {
        let isPlain = SchemaKeywords.assertions(of: base).isEmpty
        var nodes: [GrammarNode] = []
        for (number, alternative) in alternatives.enumerated() {
            let path = "\(path)/\(number)"
            // Among alternatives one that nothing satisfies does no harm.
            if case .bool(false) = alternative { continue }
            if isPlain {
                nodes.append(try node(alternative, path))
            } else {
                let part = try expanded(alternative, path, hops: 0)
                nodes.append(try node(.object(try SchemaMerge.merge(base, part, path)), path))
            }
        }
        guard !nodes.isEmpty else { throw GrammarError(path: path, reason: "no alternative can be satisfied") }
        return .choice(nodes)
    }

    private mutating func node(reference: JSONValue, _ path: String) throws(GrammarError) -> GrammarNode {
        let (name, target) = try resolved(reference, path)
        guard open.insert(UTF8Key(name)).inserted else {
            throw GrammarError(path: path, reason: "'$ref' leads back to itself without a value in between")
        }
        defer { open.remove(UTF8Key(name)) }
        if let rule = references[UTF8Key(name)] { return .rule(rule) }
        let rule = GrammarRule.fresh()
        references[UTF8Key(name)] = rule
        rules[rule] = try node(target, String(name.dropFirst()))
        return .rule(rule)
    }

    private func resolved(_ reference: JSONValue, _ path: String) throws(GrammarError) -> (String, JSONValue) {
        guard let name = reference.string else { throw GrammarError(path: path, reason: "'$ref' must be a string") }
        guard name.utf8.first == UInt8(ascii: "#") else {
            throw GrammarError(path: path, reason: "only references inside the schema are followed ('#/…')")
        }
        guard let target = SchemaPointer.resolve(name, in: root) else {
            throw GrammarError(path: path, reason: "'$ref' names nothing: \(name.prefix(80))")
        }
        return (name, target)
    }

    /// `schema` as one object without `$ref` and `allOf`.
    func expanded(_ schema: JSONValue, _ path: String, hops: Int) throws(GrammarError) -> JSONObject {
        switch schema {
        case .bool(true): return JSONObject()
        case .object(let object): return try expanded(object, path, hops: hops)
        default: throw GrammarError(path: path, reason: "a schema must be an object here, not \(schema.kind)")
        }
    }

    private func expanded(_ object: JSONObject, _ path: String, hops: Int) throws(GrammarError) -> JSONObject {
        guard hops <= 32 else {
            throw GrammarError(path: path, reason: "'$ref' or 'allOf' leads on too far, perhaps in a loop")
        }
        try SchemaKeywords.check(object, path)
        guard object["$ref"] != nil || object["allOf"] != nil else { return object }
        var result = object
        result["$ref"] = nil
        result["allOf"] = nil
        if let reference = object["$ref"] {
            let part = try expanded(resolved(reference, path).1, path, hops: hops + 1)
            result = try SchemaMerge.merge(result, part, path)
        }
        if let all = object["allOf"] {
            guard let parts = all.array, !parts.isEmpty, parts.count <= 64 else {
                throw GrammarError(path: path, reason: "'allOf' must be a list of 1 to 64 schemas")
            }
            for (number, part) in parts.enumerated() {
                let path = "\(path)/allOf/\(number)"
                result = try SchemaMerge.merge(result, try expanded(part, path, hops: hops + 1), path)
            }
        }
        return result
    }

    private mutating func plainNode(_ object: JSONObject, _ path: String) throws(GrammarError) -> GrammarNode {
        if let values = try literals(object, path) {
            return .automaton(ByteAutomaton(words: values.map(\.serializedBytes)))
        }
        var nodes: [GrammarNode] = []
        for type in try SchemaKeywords.types(object, path) {
            switch type {
            case "object": nodes.append(try objectNode(object, path))
            case "array": nodes.append(try arrayNode(object, path))
            case "string": nodes.append(try stringNode(object, path))
            case "number", "integer": nodes.append(try numberNode(object, path, isInteger: type == "integer"))
            case "boolean": nodes.append(.choice([.text("true"), .text("false")]))
            case "null": nodes.append(.text("null"))
            default: nodes.append(.rule(JSONGrammar.value))
            }
        }
        return nodes.count == 1 ? nodes[0] : .choice(nodes)
    }

    /// The values of `enum` or `const`, where one of these stands.
    mutating func literals(_ object: JSONObject, _ path: String) throws(GrammarError) -> [JSONValue]? {
        guard object["enum"] != nil || object["const"] != nil else { return nil }
        var values: [JSONValue] = []
        if let list = object["enum"] {
            guard let elements = list.array, !elements.isEmpty else {
                throw GrammarError(path: path, reason: "'enum' must be a list of values")
            }
            values = elements
            if let value = object["const"] { values = values.filter { $0 == value } }
        } else if let value = object["const"] {
            values = [value]
        }
        let others = SchemaKeywords.assertions(of: object).subtracting(["enum", "const", "type", "nullable"])
        guard others.isEmpty else {
            throw GrammarError(path: path, reason: "'\(others.sorted()[0])' beside 'enum' or 'const' isn't supported")
        }
        if object["type"] != nil {
            let types = try SchemaKeywords.types(object, path)
            values = values.filter { value in
                types.contains(value.kind)
                    || value.kind == "number" && types.contains("integer") && value.integer != nil
            }
        }
        guard !values.isEmpty else {
            throw GrammarError(path: path, reason: "no value of 'enum' fits the other keywords")
        }
        enumValues += values.count
        guard enumValues <= limits.enumValues else {
            throw GrammarError(path: path, reason: "more than \(limits.enumValues) values in 'enum'")
        }
        return values
    }

    /// Takes note of work that was done.
    mutating func spend(_ steps: Int, _ path: String) throws(GrammarError) {
        self.steps += steps
        guard self.steps <= limits.steps else {
            throw GrammarError(path: path, reason: "patterns, bounds and names are too large together")
        }
    }

    /// The schema of a part of the text: a reference may come again there.
    mutating func inner(_ schema: JSONValue, _ path: String) throws(GrammarError) -> GrammarNode {
        let outer = open
        open = []
        defer { open = outer }
        return try node(schema, path)
    }

    /// A node as a rule, so that it can stand in several places.
    mutating func shared(_ node: GrammarNode) -> GrammarNode {
        if case .rule = node { return node }
        let rule = GrammarRule.fresh()
        rules[rule] = node
        return .rule(rule)
    }
}
