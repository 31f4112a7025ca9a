import OrderedJSON

/// How the text of a parameter in markup becomes JSON.
enum ParameterKind: Sendable, Equatable {
    /// It is a string, taken word for word.
    case text
    /// It is JSON.
    case json
    /// It is JSON if it is JSON of one of these kinds, else a string.
    case either(Set<String>)
}

/// The kinds of a tool's parameters, read from its schema.
struct ParameterKinds: Sendable {
    private var kinds: [UTF8Key: ParameterKind] = [:]
    private var other = ParameterKind.text

    /// More hops are a loop, or nobody's schema.
    private static let hopLimit = 16

    init(_ schema: JSONValue?) {
        guard let schema else { return }
        collect(schema, root: schema, hops: 0)
    }

    func kind(of key: String) -> ParameterKind { kinds[UTF8Key(key)] ?? other }

    private mutating func collect(_ schema: JSONValue, root: JSONValue, hops: Int) {
        guard hops < Self.hopLimit else { return }
        if let reference = schema["$ref"]?.string, let target = SchemaPointer.resolve(reference, in: root) {
            collect(target, root: root, hops: hops + 1)
        }
        for part in schema["allOf"]?.array ?? [] { collect(part, root: root, hops: hops + 1) }
        for (key, value) in schema["properties"]?.object?.entries ?? [] {
            kinds[UTF8Key(key)] = Self.kind(of: Self.types(of: value, root: root, hops: 0))
        }
        if let additional = schema["additionalProperties"], additional.object != nil {
            other = Self.kind(of: Self.types(of: additional, root: root, hops: 0))
        }
    }

    private static func kind(of types: Set<String>?) -> ParameterKind {
        guard var types else { return .text }
        guard types.remove("string") != nil else { return .json }
        return types.isEmpty ? .text : .either(types)
    }

    /// The kinds of JSON that `schema` may take, as ``JSONValue/kind`` names them; none: it doesn't say.
    private static func types(of schema: JSONValue, root: JSONValue, hops: Int) -> Set<String>? {
        guard hops < hopLimit else { return nil }
        if let values = schema["enum"]?.array { return Set(values.map(\.kind)) }
        if let value = schema["const"] { return [value.kind] }
        var types: Set<String>?
        if let names = schema["type"]?.string.map({ [$0] }) ?? schema["type"]?.array?.compactMap(\.string) {
            types = Set(names.map { $0 == "integer" ? "number" : $0 })
        } else if let reference = schema["$ref"]?.string, let target = SchemaPointer.resolve(reference, in: root) {
            types = self.types(of: target, root: root, hops: hops + 1)
        } else if let parts = schema["anyOf"]?.array ?? schema["oneOf"]?.array {
            types = []
            for part in parts {
                guard let more = self.types(of: part, root: root, hops: hops + 1) else { return nil }
                types?.formUnion(more)
            }
        } else if let parts = schema["allOf"]?.array {
            for part in parts {
                guard let more = self.types(of: part, root: root, hops: hops + 1) else { continue }
                types = types.map { $0.intersection(more) } ?? more
            }
        } else {
            types = impliedType(of: schema).map { [$0] }
        }
        if schema["nullable"]?.bool == true { types?.insert("null") }
        return types
    }

    /// The type that a schema without `type` is about, told by its other keywords.
    static func impliedType(of schema: JSONValue) -> String? {
        func has(_ names: String...) -> Bool { names.contains { schema[$0] != nil } }
        if has("properties", "required", "additionalProperties", "minProperties", "maxProperties") { return "object" }
        if has("items", "prefixItems", "minItems", "maxItems") { return "array" }
        if has("pattern", "format", "minLength", "maxLength") { return "string" }
        if has("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf") { return "number" }
        return nil
    }
}
