import Generation
import OrderedJSON
import Testing
import Tokenizers

/// Follows masks at random, as a model that knows nothing would.
@Suite struct ConstraintWalkTests {
    static let schemas = [
        #"{"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "minimum": 0, "maximum": 150}, "tags": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 6}, "maxItems": 4}, "kind": {"enum": ["a", "b c", null, 3]}}, "required": ["name", "age"], "additionalProperties": false}"#,
        #"{"type": "array", "items": {"anyOf": [{"type": "number", "minimum": -2.5, "exclusiveMaximum": 10}, {"type": "boolean"}, {"const": {"k": [1, "é"]}}]}, "minItems": 2, "maxItems": 5}"#,
        ##"{"$defs": {"tree": {"type": "object", "properties": {"value": {"type": "integer", "multipleOf": 3, "minimum": -99, "maximum": 99}, "left": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}, "right": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}}, "required": ["value"], "additionalProperties": false}}, "$ref": "#/$defs/tree"}"##,
        #"{"type": "object", "properties": {"id": {"type": "string", "pattern": "^[A-Z]{2,4}-\\d{3}$"}, "day": {"type": "string", "format": "date"}, "mail": {"type": "string", "pattern": "^[a-z]+@[a-z]+\\.org$", "maxLength": 24}}, "required": ["id", "day", "mail"], "additionalProperties": false}"#,
        #"{"type": "object", "allOf": [{"properties": {"a": {"type": "number", "minimum": 0}}, "required": ["a"]}, {"properties": {"a": {"maximum": 1}, "b": {"type": ["string", "null"], "maxLength": 3}}}]}"#,
        #"{"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string", "maxLength": 4}], "items": {"type": "null"}, "minItems": 1, "maxItems": 4}"#,
        #"{"type": "object", "properties": {"score": {"type": "number", "multipleOf": 0.5, "exclusiveMinimum": 0, "maximum": 20}, "none": {"type": "object", "properties": {}, "additionalProperties": false}}, "required": ["score", "none"], "additionalProperties": false}"#,
    ]

    /// A token out of the mask; where the text may end, mostly the end.
    private static func choose(
        _ mask: TokenMask, _ end: Int32, _ steps: Int, _ random: inout ConstraintTestRandom, _ index: [[UInt8]]
    ) -> Int32? {
        if mask[Int(end)], Int.random(in: 0..<4, using: &random) == 0 { return end }
        var ids: [Int32] = []
        for (place, word) in mask.words.enumerated() where word != 0 {
            for bit in 0..<64 where word >> UInt64(bit) & 1 == 1 { ids.append(Int32(place * 64 + bit)) }
        }
        // A long text is brought to its end: quotes and brackets first.
        if steps > 60 {
            if mask[Int(end)] { return end }
            let closing = ids.filter { id in
                guard Int(id) < index.count, let first = index[Int(id)].first else { return false }
                return index[Int(id)].count == 1 && "\"}]0,n".utf8.contains(first)
            }
            if let id = closing.randomElement(using: &random), Int.random(in: 0..<8, using: &random) > 0 { return id }
        }
        return ids.randomElement(using: &random)
    }

    @Test(arguments: ["lm/qwen3", "tokenizer/qwen"], schemas)
    func `a walk that only follows masks ends in JSON that satisfies the schema`(_ path: String, _ text: String) throws {
        let tokenizer = try ConstraintTestVocabulary.golden(path)
        let vocabulary = try ConstraintTestVocabulary.index(path)
        let contents = (0..<tokenizer.vocabularySize).map { tokenizer.bytes(of: $0) }
        let end = Int32(try #require(tokenizer.id(of: "<|im_end|>")))
        let schema = try JSONValue(parsing: text)
        let grammar = try Grammar(schema: schema)
        var random = ConstraintTestRandom(seed: ConstraintTestRandom.seed)
        for _ in 0..<(path.hasPrefix("lm") ? 40 : 6) {
            let constraint = try GrammarConstraint(grammar: grammar, vocabulary: vocabulary, endTokens: [end])
            var answer: [UInt8] = []
            var steps = 0
            while steps < 3_000 {
                let mask = try #require(constraint.allowedTokens())
                #expect(mask[Int(end)] == constraint.isComplete)
                guard let token = Self.choose(mask, end, steps, &random, contents) else {
                    Issue.record("nothing may come behind \(String(decoding: answer, as: UTF8.self))")
                    return
                }
                constraint.accept(token)
                if token == end { break }
                #expect(!tokenizer.isSpecial(Int(token)))
                answer += contents[Int(token)]
                steps += 1
            }
            #expect(steps < 3_000, "no end")
            #expect(constraint.isComplete && !constraint.hasFailed)
            let found = String(decoding: answer, as: UTF8.self)
            do {
                let value = try JSONValue(parsing: answer)
                let problem = ConstraintValidator(root: schema).problem(value, schema)
                #expect(problem == nil, "\(problem ?? "") in \(found), seed \(ConstraintTestRandom.seed)")
            } catch {
                Issue.record("\(error) in \(found), seed \(ConstraintTestRandom.seed)")
            }
        }
    }

    @Test func `tokens and bytes agree on what may come`() throws {
        let tokenizer = try ConstraintTestVocabulary.golden("tokenizer/qwen")
        let vocabulary = try ConstraintTestVocabulary.index("tokenizer/qwen")
        let grammar = try Grammar(schema: try JSONValue(parsing: Self.schemas[0]))
        let text = #"{"name": "Zoë \"漢\"", "age": 14, "tags": ["é", "ab"], "kind": "b c"}"#
        let constraint = try GrammarConstraint(grammar: grammar, vocabulary: vocabulary, endTokens: [])
        var prefix: [UInt8] = []
        var random = ConstraintTestRandom(seed: ConstraintTestRandom.seed)
        for id in tokenizer.encode(text) {
            let mask = try #require(constraint.allowedTokens())
            #expect(mask[id])
            let bytewise = try GrammarConstraint(
                grammar: grammar, vocabulary: ConstraintTestVocabulary.bytes, endTokens: [])
            for byte in prefix { bytewise.accept(Int32(byte)) }
            #expect(!bytewise.hasFailed)
            for _ in 0..<60 {
                let other = Int.random(in: 0..<tokenizer.vocabularySize, using: &random)
                let bytes = tokenizer.bytes(of: other)
                let probe = try GrammarConstraint(
                    grammar: grammar, vocabulary: ConstraintTestVocabulary.bytes, endTokens: [])
                for byte in prefix + bytes { probe.accept(Int32(byte)) }
                let fits = !probe.hasFailed && !bytes.isEmpty && !tokenizer.isSpecial(other)
                #expect(mask[other] == fits, "\(bytes) behind \(String(decoding: prefix, as: UTF8.self))")
            }
            constraint.accept(Int32(id))
            prefix += tokenizer.bytes(of: id)
        }
        #expect(constraint.isComplete)
    }
}
