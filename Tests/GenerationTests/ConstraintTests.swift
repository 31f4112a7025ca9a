import Generation
import OrderedJSON
import Testing
import Tokenizers

@Suite struct ConstraintTests {
    private static let think = (open: "<think>", close: "</think>")

    private func make(
        _ thinking: ThinkingMode, _ format: ResponseFormat = .jsonSchema(["type": "integer"]),
        _ tools: [ToolDefinition] = [], _ choice: ToolChoice = .auto, _ style: ToolCallStyle = .hermes
    ) throws -> GrammarConstraint {
        try #require(
            try AnswerConstraint.make(
                format: AnswerFormat(thinking: Self.think, toolCalls: style), toolChoice: choice, tools: tools,
                parallel: true, responseFormat: format, thinking: thinking,
                vocabulary: ConstraintTestVocabulary.bytes, endTokens: [ConstraintTestVocabulary.bytesEnd],
                cache: GrammarCache()))
    }

    private func accepts(_ constraint: GrammarConstraint, _ text: String) -> Bool {
        ConstraintTestVocabulary.follows(constraint, text) == text.utf8.count && constraint.isComplete
    }

    @Test(arguments: [
        (ThinkingMode.off, ["12"], ["<think></think>12", " 12", "12 ", "x"]),
        (
            .opened, ["</think>12", "so, 3 </thin <think>\n\u{1F600}</think>\n\n12"],
            ["12", "</think>x", "a</think>\n\n\n12", "a"]
        ),
        (
            .optional, ["12", "<think></think>12", "<think>\nhm </ok>\n</think>\n\n12"],
            ["hm</think>12", "<thin", "<think>12"]
        ),
    ])
    func `the grammar begins after the thinking`(_ mode: ThinkingMode, _ good: [String], _ bad: [String]) throws {
        for text in good { #expect(accepts(try make(mode), text), "\(text)") }
        for text in bad { #expect(!accepts(try make(mode), text), "\(text)") }
    }

    @Test func `while the model thinks everything may come but the end`() throws {
        let tokenizer = try ConstraintTestVocabulary.golden("tokenizer/qwen")
        let vocabulary = try ConstraintTestVocabulary.index("tokenizer/qwen")
        let end = Int32(try #require(tokenizer.id(of: "<|im_end|>")))
        let constraint = try #require(
            try AnswerConstraint.make(
                format: AnswerFormat(thinking: Self.think, toolCalls: .hermes), toolChoice: .none, tools: [],
                parallel: true, responseFormat: .jsonObject, thinking: .opened, vocabulary: vocabulary,
                endTokens: [end], cache: GrammarCache()))
        for id in tokenizer.encode("Hm, 2 < 3 and \"x") {
            let mask = try #require(constraint.allowedTokens())
            for other in 0..<tokenizer.vocabularySize {
                // Only what closes the thinking and goes on wrongly is out.
                let bytes = tokenizer.bytes(of: other)
                guard !bytes.isEmpty, !tokenizer.isSpecial(other), !bytes.contains(UInt8(ascii: ">")) else { continue }
                #expect(mask[other])
            }
            #expect(!mask[Int(end)])
            constraint.accept(Int32(id))
        }
        for text in ["</think>", "\n\n", "{", "}"] {
            for id in tokenizer.encode(text) {
                #expect(try #require(constraint.allowedTokens())[id], "\(text)")
                constraint.accept(Int32(id))
            }
        }
        let mask = try #require(constraint.allowedTokens())
        #expect((0..<tokenizer.vocabularySize).filter { mask[$0] } == [Int(end)], "only the end is left")
        constraint.accept(end)
        #expect(constraint.isComplete)
    }

    @Test func `a schema beside tools leaves the choice between call and answer`() throws {
        let tool = ToolDefinition(name: "f", parameters: ["type": "object", "properties": ["a": ["type": "integer"]]])
        let texts: [(ToolCallStyle, String)] = [
            (.hermes, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>"),
            (.qwen3Coder, "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"),
            (.llama3, "{\"name\": \"f\", \"parameters\": {\"a\": 1}}"),
        ]
        for (style, call) in texts {
            let format = ResponseFormat.jsonSchema(["type": "object", "properties": ["x": ["type": "boolean"]]])
            for text in [call, "{\"x\": true}", "<think>a</think>\n\n" + call] {
                #expect(accepts(try make(.optional, format, [tool], .auto, style), text), "\(text)")
            }
            for text in ["{\"a\": 1}", call.replacing("1", with: "true"), "Sure: " + call] {
                #expect(!accepts(try make(.optional, format, [tool], .auto, style), text), "\(text)")
            }
            #expect(!accepts(try make(.optional, format, [tool], .required, style), "{\"x\": true}"))
        }
    }

    @Test func `strict tools hold calls to their schema and leave text free`() throws {
        let tool = ToolDefinition(
            name: "f", parameters: ["type": "object", "properties": ["a": ["type": "integer"]], "required": ["a"]],
            strict: true)
        let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>"
        for text in ["", "Hello < you <tool", "I call. " + call, call, call + "\n" + call] {
            #expect(accepts(try make(.off, .text, [tool]), text), "\(text)")
        }
        for text in ["<tool_call>x", call.replacing("\"a\": 1", with: ""), call + call, call + " and text"] {
            #expect(!accepts(try make(.off, .text, [tool]), text), "\(text)")
        }
        let json = "{\"name\": \"f\", \"parameters\": {\"a\": 1}}"
        for text in ["Hello {", json, json + "; " + json] {
            #expect(accepts(try make(.off, .text, [tool], .auto, .llama3), text), "\(text)")
        }
        #expect(!accepts(try make(.off, .text, [tool], .auto, .llama3), "{\"name\": \"f\"}"))
    }

    @Test func `a named tool is called once, several only in parallel`() throws {
        let tools = ["f", "g"].map { ToolDefinition(name: $0) }
        let calls = ["f", "g"].map { "<tool_call>\n{\"name\": \"\($0)\", \"arguments\": {}}\n</tool_call>" }
        #expect(accepts(try make(.off, .text, tools, .required), calls[0] + "\n" + calls[1]))
        #expect(accepts(try make(.off, .text, tools, .function("g")), calls[1]))
        #expect(!accepts(try make(.off, .text, tools, .function("g")), calls[0]))
        #expect(!accepts(try make(.off, .text, tools, .function("g")), calls[1] + "\n" + calls[1]))
        let single = try #require(
            try AnswerConstraint.make(
                format: AnswerFormat(toolCalls: .hermes), toolChoice: .required, tools: tools, parallel: false,
                responseFormat: .text, thinking: .off, vocabulary: ConstraintTestVocabulary.bytes,
                endTokens: [ConstraintTestVocabulary.bytesEnd], cache: GrammarCache()))
        #expect(!accepts(single, calls[0] + "\n" + calls[1]))
    }

    @Test func `constraints of one grammar share it and keep their own places`() throws {
        let cache = GrammarCache()
        func make() throws -> GrammarConstraint {
            try #require(
                try AnswerConstraint.make(
                    format: AnswerFormat(), toolChoice: .none, tools: [], parallel: false, responseFormat: .jsonObject,
                    thinking: .off, vocabulary: ConstraintTestVocabulary.bytes,
                    endTokens: [ConstraintTestVocabulary.bytesEnd], cache: cache))
        }
        let (one, other) = (try make(), try make())
        #expect(cache.count == 1)
        #expect(ConstraintTestVocabulary.follows(one, "{\"a\": [1, ") == 10)
        #expect(accepts(other, "{\"b\": {}}"))
        #expect(accepts(one, "2]}"))
    }

    @Test func `places survive when the tables are cleared under them`() throws {
        // Long counted strings fill the tables of the grammar that both share.
        let cache = GrammarCache()
        func make() throws -> GrammarConstraint {
            try #require(
                try AnswerConstraint.make(
                    format: AnswerFormat(), toolChoice: .none, tools: [], parallel: false,
                    responseFormat: .jsonSchema(["type": "array", "items": ["type": "string", "maxLength": 200_000]]),
                    thinking: .off, vocabulary: ConstraintTestVocabulary.bytes,
                    endTokens: [ConstraintTestVocabulary.bytesEnd], cache: cache))
        }
        let waiting = try make()
        #expect(ConstraintTestVocabulary.follows(waiting, "[\"é\", \"ab") == 10)
        let busy = try make()
        let long = "[\"" + String(repeating: "x", count: 70_000) + "\"]"
        #expect(accepts(busy, long))
        #expect(accepts(waiting, "c\", \"\"]"))
    }
}
