import Generation
import OrderedJSON
import TestSupport
import Testing

/// TRUST.md R7 to R9: hostile schemas cost little, and are refused before the engine sees them.
@Suite struct ConstraintTrustTests {
    static let patterns = [
        "(a+)+b(?=c)", "(?<=x)*", "^{2}", String(repeating: "(", count: 60_000), "a{0,1000000000}", "(a{1000}){1000}",
        "((a{0,100}){0,100}){0,100}", "[a", "a**", "(?!x)", "\\1(a)", "\\bword\\b", "a{3,2}", ")", "\\p{L}", "[z-a]",
        "\\",
        "\\u{110000}", "\\ud800", "$a", "[^\\s\\S]", "(?i)a", "*a", String(repeating: "(a|b)*", count: 2_000),
        "(.*a.{0,400}b){3}", String(repeating: "[^a]{0,99}", count: 400),
        (0..<300).map { "[\(Character(Unicode.Scalar(0x4E00 + $0 * 7) ?? "a"))x]" }.joined(separator: "|")
            + "{0,1000}(.{0,900}){0,900}",
    ]

    @Test(arguments: patterns)
    func `R7 a pattern that is not regular, not valid or too large is refused`(_ pattern: String) throws {
        let schema: JSONValue = ["type": "string", "pattern": .string(pattern)]
        let error = try #require(throws: GrammarError.self) { _ = try Grammar(schema: schema) }
        #expect(error.path == "/pattern")
    }

    @Test func `R7 a pattern that makes backtracking engines slow takes linear time`() throws {
        let grammar = try Grammar(schema: ["type": "string", "pattern": "^(a+)+b$"])
        let many = String(repeating: "a", count: 20_000)
        #expect(try ConstraintTestVocabulary.accepts(grammar, "\"\(many)b\""))
        #expect(try !ConstraintTestVocabulary.accepts(grammar, "\"\(many)c\""))
    }

    static func nested(_ depth: Int) -> JSONValue {
        var schema: JSONValue = ["type": "integer"]
        for _ in 0..<depth { schema = ["items": schema] }
        return schema
    }

    @Test(arguments: [100, 10_000])
    func `R7 a schema nested too deeply is refused`(_ depth: Int) {
        #expect(throws: GrammarError.self) { _ = try Grammar(schema: Self.nested(depth)) }
        #expect(throws: GrammarError.self) {
            _ = try AnswerConstraint.make(
                format: AnswerFormat(), toolChoice: .none, tools: [], parallel: false,
                responseFormat: .jsonSchema(Self.nested(depth)), thinking: .off,
                vocabulary: ConstraintTestVocabulary.bytes, endTokens: [], cache: GrammarCache())
        }
    }

    @Test func `R7 more values than anyone writes are refused`() {
        let values = JSONValue.array((0..<1_000_000).map { .integer($0) })
        #expect(throws: GrammarError.self) { _ = try Grammar(schema: ["enum": values]) }
        let many = JSONValue.array((0..<30_000).map { .integer($0) })
        #expect(throws: GrammarError.self) { _ = try Grammar(schema: ["enum": many]) }
        // References that double at each step are written out once each, merged ones are counted.
        var definitions = JSONObject()
        for step in 0..<40 {
            let next: JSONValue = ["$ref": .string("#/$defs/d\(step + 1)"), "maxProperties": 9]
            definitions["d\(step)"] = ["type": "object", "properties": ["a": next, "b": next], "maxProperties": 8]
        }
        definitions["d40"] = ["type": "object"]
        #expect(throws: GrammarError.self) {
            _ = try Grammar(schema: ["$defs": .object(definitions), "$ref": "#/$defs/d0"])
        }
    }

    @Test(arguments: [
        JSONValue.array((0..<2_000).map { ["type": "string", "pattern": .string("^x.{0,200}y\($0)")] }),
        .array(
            (0..<10_000).map { ["type": "number", "minimum": .number(Double($0) + 0.123456), "multipleOf": 0.001] }),
        .array(
            (0..<4_000).map {
                [
                    "type": "object",
                    "properties": .object(JSONObject([(String(repeating: "k", count: 200) + "\($0)", true)])),
                    "additionalProperties": true,
                ]
            }),
        .array([["const": .string(String(repeating: "c", count: 3 << 20))]]),
        .array((0..<200).map { ["type": "string", "minLength": 600, "format": "uri", "pattern": .string("a\($0)")] }),
    ])
    func `R7 much of what is fine alone is refused together`(_ schemas: JSONValue) {
        #expect(throws: GrammarError.self) { _ = try Grammar(schema: ["anyOf": schemas]) }
    }

    @Test(arguments: [
        ##"{"$ref": "#"}"##,
        ##"{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}"##,
        ##"{"anyOf": [{"$ref": "#"}, {"type": "string"}]}"##,
        ##"{"$defs": {"a": {"type": "object", "allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}"##,
        ##"{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}"##,
        ##"{"type": "array", "items": {"$ref": "#"}, "minItems": 1}"##,
    ])
    func `R7 a loop of references without an end is refused`(_ text: String) throws {
        let schema = try JSONValue(parsing: text)
        #expect(throws: GrammarError.self) { _ = try Grammar(schema: schema) }
    }

    @Test func `R7 text that may nest without end is stopped while it can still be closed`() throws {
        let constraint = try GrammarConstraint(
            grammar: .jsonValue(), vocabulary: ConstraintTestVocabulary.bytes, endTokens: [])
        let depth = ConstraintTestVocabulary.follows(constraint, String(repeating: "[", count: 10_000))
        #expect((20...128).contains(depth))
        let mask = try #require(constraint.allowedTokens())
        #expect(mask[Int(UInt8(ascii: "]"))])
        #expect(ConstraintTestVocabulary.follows(constraint, String(repeating: "]", count: depth)) == depth)
        #expect(constraint.isComplete)
    }

    @Test func `R8 a schema with any part replaced is taken or refused, never a trap`() throws {
        let cases = ConstraintSchemaTests.values + ConstraintSchemaTests.strings + ConstraintSchemaTests.containers
        let schemas = try (cases.map(\.schema) + ConstraintWalkTests.schemas).map { try JSONValue(parsing: $0) }
        let odd: [JSONValue] = [
            -1, 0, 1e308, -0.5, 1e-300, .integer(.max), .integer(.min), "", "#", "#/$defs/n", "null", true, false, nil,
            [], [:],
            ["$ref": "#"], [["type": "string"]], "^(a|b)*$", ["enum": [1, "a"]], 1_000_000_000_000, "object", "é",
        ]
        let keys = [
            "type", "$ref", "anyOf", "allOf", "enum", "const", "properties", "required", "items", "prefixItems",
            "minLength",
            "maxLength", "pattern", "format", "minimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems",
            "nullable",
            "additionalProperties", "minProperties", "maxProperties",
        ]
        var random = SeededGenerator(seed: runSeed)
        func changed(_ value: JSONValue) -> JSONValue {
            let place = Int.random(in: 0..<4, using: &random)
            switch value {
            case .object(var object) where place > 0 && !object.isEmpty:
                if place == 1 {
                    object[keys.randomElement(using: &random) ?? ""] = odd.randomElement(using: &random)
                } else if let key = object.keys.randomElement(using: &random), let old = object[key] {
                    object[key] = changed(old)
                }
                return .object(object)
            case .array(var list) where place > 0 && !list.isEmpty:
                let index = list.indices.randomElement(using: &random) ?? 0
                list[index] = changed(list[index])
                return .array(list)
            default: return odd.randomElement(using: &random) ?? nil
            }
        }
        var taken = 0
        for number in 0..<4_000 {
            var schema = schemas[number % schemas.count]
            for _ in 0...Int.random(in: 0..<3, using: &random) { schema = changed(schema) }
            guard let grammar = try? Grammar(schema: schema) else { continue }
            taken += 1
            let constraint = try GrammarConstraint(
                grammar: grammar, vocabulary: ConstraintTestVocabulary.bytes, endTokens: [])
            // Some text follows, and the masks never run dry.
            for _ in 0..<30 where !constraint.hasFailed {
                let mask = try #require(constraint.allowedTokens())
                let allowed = (0..<256).filter { mask[$0] }
                #expect(
                    !allowed.isEmpty || constraint.isComplete, "\(schema.serialized), seed \(runSeed)"
                )
                guard let byte = allowed.randomElement(using: &random) else { break }
                constraint.accept(Int32(byte))
            }
            #expect(!constraint.hasFailed)
            for style in [ToolCallStyle.hermes, .qwen3Coder] {
                _ = try? AnswerConstraint.grammar(
                    format: AnswerFormat(toolCalls: style), toolChoice: .required,
                    tools: [ToolDefinition(name: "f", parameters: schema)], parallel: true, responseFormat: .text,
                    thinking: .off)
            }
        }
        #expect(taken > 100)
    }

    @Test func `R8 what can't be enforced is refused before there is a constraint`() throws {
        func make(_ choice: ToolChoice, _ tools: [ToolDefinition], _ format: ResponseFormat, _ style: ToolCallStyle)
            throws
            -> GrammarConstraint?
        {
            try AnswerConstraint.make(
                format: AnswerFormat(toolCalls: style), toolChoice: choice, tools: tools, parallel: true,
                responseFormat: format, thinking: .off, vocabulary: ConstraintTestVocabulary.bytes, endTokens: [],
                cache: GrammarCache())
        }
        let good = ToolDefinition(name: "f", parameters: ["type": "object"])
        let bad = ToolDefinition(name: "g", parameters: ["type": "object", "properties": ["a": ["type": "strng"]]])
        let list = ToolDefinition(name: "h", parameters: ["type": "array"])
        for style in [ToolCallStyle.hermes, .qwen3Coder, .llama3] {
            for tools in [[bad], [good, bad], [list], []] {
                #expect(throws: GrammarError.self) { _ = try make(.required, tools, .text, style) }
            }
            #expect(throws: GrammarError.self) { _ = try make(.function("none"), [good], .text, style) }
            #expect(try make(.required, [good], .text, style) != nil)
        }
        #expect(throws: GrammarError.self) { _ = try make(.required, [good], .text, .none) }
        #expect(throws: GrammarError.self) { _ = try make(.auto, [], .jsonSchema(["not": [:]]), .hermes) }
        #expect(throws: GrammarError.self) { _ = try make(.auto, [], .jsonSchema("x"), .hermes) }
        #expect(try make(.auto, [good], .text, .hermes) == nil)
        #expect(try make(.none, [], .text, .hermes) == nil)
    }

    @Test func `R8 a constraint whose text has left the grammar lets nothing come any more`() throws {
        let constraint = try GrammarConstraint(
            grammar: .literal("ab"), vocabulary: ConstraintTestVocabulary.bytes,
            endTokens: [ConstraintTestVocabulary.bytesEnd])
        constraint.accept(Int32(UInt8(ascii: "x")))
        #expect(constraint.hasFailed && !constraint.isComplete)
        #expect(constraint.allowedTokens()?.isEmpty == true)
        constraint.accept(Int32(UInt8(ascii: "a")))
        #expect(constraint.allowedTokens()?.isEmpty == true)
        let early = try GrammarConstraint(
            grammar: .literal("ab"), vocabulary: ConstraintTestVocabulary.bytes,
            endTokens: [ConstraintTestVocabulary.bytesEnd])
        early.accept(ConstraintTestVocabulary.bytesEnd)
        #expect(early.hasFailed)
        for odd in [-1, 10_000, Int32.max] {
            let constraint = try GrammarConstraint(
                grammar: .jsonValue(), vocabulary: ConstraintTestVocabulary.bytes, endTokens: [Int32.max - 1, -5])
            constraint.accept(odd)
            #expect(constraint.hasFailed)
        }
    }

    @Test func `R9 ten thousand different schemas stay within the cache's bytes`() throws {
        let limit = 4 << 20
        let cache = GrammarCache(byteLimit: limit, entryLimit: 300)
        for number in 0..<10_000 {
            let schema: JSONValue = [
                "type": "object", "properties": .object(JSONObject([("k\(number)", ["type": "integer"])])),
                "additionalProperties": false,
            ]
            let constraint = try AnswerConstraint.make(
                format: AnswerFormat(), toolChoice: .none, tools: [], parallel: false,
                responseFormat: .jsonSchema(schema), thinking: .off, vocabulary: ConstraintTestVocabulary.bytes,
                endTokens: [], cache: cache)
            if number % 1_000 == 0 {
                let constraint = try #require(constraint)
                let text = "{\"k\(number)\":1}"
                #expect(ConstraintTestVocabulary.follows(constraint, text) == text.utf8.count)
                #expect(cache.byteCount <= limit + (1 << 20))
                #expect(cache.count <= 300)
            }
        }
        #expect(cache.count > 1)
    }

    @Test func `R9 one grammar's memory is bounded however long its texts are`() throws {
        let cache = GrammarCache(byteLimit: 64 << 20)
        let constraint = try #require(
            try AnswerConstraint.make(
                format: AnswerFormat(), toolChoice: .none, tools: [], parallel: false,
                responseFormat: .jsonSchema(["type": "string", "maxLength": 1_000_000]), thinking: .off,
                vocabulary: ConstraintTestVocabulary.bytes, endTokens: [ConstraintTestVocabulary.bytesEnd], cache: cache
            ))
        let text = "\"" + String(repeating: "ab", count: 60_000) + "\""
        #expect(ConstraintTestVocabulary.follows(constraint, text) == text.utf8.count)
        #expect(constraint.isComplete)
        #expect(cache.byteCount < 40 << 20)
    }
}
