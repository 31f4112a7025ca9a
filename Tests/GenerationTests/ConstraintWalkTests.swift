import Generation
import OrderedJSON
import TestSupport
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
        _ mask: TokenMask, _ end: Int32, _ steps: Int, _ random: inout SeededGenerator, _ index: [[UInt8]],
        wanted: UInt8? = nil
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
                return index[Int(id)].count == 1 && (wanted.map { $0 == first } ?? "\"}]0,n".utf8.contains(first))
            }
            if let id = closing.randomElement(using: &random), Int.random(in: 0..<8, using: &random) > 0 { return id }
        }
        return ids.randomElement(using: &random)
    }

    @Test(arguments: ["lm/qwen3", "tokenizer/qwen"], schemas)
    func `a walk that only follows masks ends in JSON that satisfies the schema`(_ path: String, _ text: String) throws
    {
        let tokenizer = try ConstraintTestVocabulary.golden(path)
        let vocabulary = try ConstraintTestVocabulary.index(path)
        let contents = (0..<tokenizer.vocabularySize).map { tokenizer.bytes(of: $0) }
        let end = Int32(try #require(tokenizer.id(of: "<|im_end|>")))
        let schema = try JSONValue(parsing: text)
        let grammar = try Grammar(schema: schema)
        var random = SeededGenerator(seed: runSeed)
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
                #expect(problem == nil, "\(problem ?? "") in \(found), seed \(runSeed)")
            } catch {
                Issue.record("\(error) in \(found), seed \(runSeed)")
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
        var random = SeededGenerator(seed: runSeed)
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

    /// What brings a parameter's text to its end; mostly the quote of a string that has been begun in it.
    private static func closing(behind text: String) -> UInt8? {
        let (text, tag) = (Array(text.utf8), Array("\n</parameter>\n".utf8))
        for length in (1..<tag.count).reversed() where text.suffix(length).elementsEqual(tag.prefix(length)) {
            return tag[length]
        }
        return text.count % 2 == 0 ? tag[0] : nil
    }

    static let toolSchemas = [
        schemas[0], schemas[3],
        #"{"type": "object", "properties": {"note": {"type": "string"}, "code": {"type": "string", "minLength": 2, "maxLength": 5}, "long": {"type": "string", "maxLength": 90}, "maybe": {"anyOf": [{"type": "integer", "minimum": 3}, {"type": "null"}]}, "deep": {"type": "object", "properties": {"list": {"type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 3}}, "required": ["list"], "additionalProperties": false}, "pick": {"enum": ["x", "y z"]}, "day": {"type": "string", "format": "date"}}, "required": ["note", "deep"], "additionalProperties": false}"#,
        #"{"type": "object", "properties": {}, "additionalProperties": false}"#,
    ]

    @Test(arguments: [ToolCallStyle.hermes, .qwen3Coder, .llama3], toolSchemas)
    func `a walk along a forced call's masks gives a call whose arguments satisfy the tool`(
        _ style: ToolCallStyle, _ text: String
    ) throws {
        let path = "lm/qwen3"
        let tokenizer = try ConstraintTestVocabulary.golden(path)
        let contents = (0..<tokenizer.vocabularySize).map { tokenizer.bytes(of: $0) }
        let end = Int32(try #require(tokenizer.id(of: "<|im_end|>")))
        let schema = try JSONValue(parsing: text)
        let tools = [ToolDefinition(name: "do it", parameters: schema), ToolDefinition(name: "rest")]
        let format = AnswerFormat(thinking: ("<think>", "</think>"), toolCalls: style)
        let cache = GrammarCache()
        var random = SeededGenerator(seed: runSeed)
        for _ in 0..<30 {
            let constraint = try #require(
                try AnswerConstraint.make(
                    format: format, toolChoice: .required, tools: tools, parallel: true, responseFormat: .text,
                    thinking: .off, vocabulary: try ConstraintTestVocabulary.index(path), endTokens: [end], cache: cache
                ))
            var parser = AnswerParser(format: format, tools: tools, startsInThinking: false)
            var detokenizer = StreamingDetokenizer(tokenizer: tokenizer)
            var pieces: [AnswerPiece] = []
            var answer = ""
            for step in 0..<4_000 {
                let mask = try #require(constraint.allowedTokens())
                let token = try #require(
                    Self.choose(
                        mask, end, step, &random, contents,
                        wanted: style == .qwen3Coder ? Self.closing(behind: answer) : nil))
                constraint.accept(token)
                if token == end { break }
                let text = detokenizer.append(Int(token))
                answer += text
                pieces += parser.append(text)
            }
            #expect(constraint.isComplete, "\(answer)")
            let joined = JoinedAnswer(pieces + parser.finish())
            #expect(joined.fault == nil && joined.content.isEmpty && joined.reasoning.isEmpty && !joined.names.isEmpty)
            for (name, arguments) in zip(joined.names, joined.arguments) {
                let value = try #require(try? JSONValue(parsing: arguments), "\(arguments) of \(answer)")
                let expected = name == "rest" ? ["maxProperties": 0] : schema
                let problem = ConstraintValidator(root: schema).problem(value, expected)
                #expect(problem == nil, "\(problem ?? "") in \(answer), seed \(runSeed)")
            }
        }
    }
}
