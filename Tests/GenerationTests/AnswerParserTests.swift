import Foundation
import Generation
import OrderedJSON
import TestSupport
import Testing

@Suite struct AnswerParserTests {
    private static let think = (open: "<think>", close: "</think>")
    private static let tools =
        AnswerScript.tools + [
            ToolDefinition(
                name: "typed",
                parameters: [
                    "type": "object",
                    "properties": [
                        "text": ["type": "string"], "count": ["type": "integer"], "ratio": ["type": "number"],
                        "flag": ["type": "boolean"], "list": ["type": "array"], "map": ["$ref": "#/$defs/m"],
                        "maybe": ["anyOf": [["type": "string"], ["type": "null"]]],
                        "mixed": ["type": ["string", "integer"]],
                        "choice": ["enum": ["1", "2"]], "none": [:],
                    ],
                    "$defs": ["m": ["type": "object"]],
                ])
        ]

    private func parse(
        _ text: String, _ style: ToolCallStyle = .hermes, thinks: Bool = false, tools: [ToolDefinition] = tools,
        startsInThinking: Bool = false
    ) -> JoinedAnswer {
        let format = AnswerFormat(thinking: thinks ? Self.think : nil, toolCalls: style)
        let whole = JoinedAnswer.parse([text], format, tools, startsInThinking)
        let single = JoinedAnswer.parse(text.unicodeScalars.map { String($0) }, format, tools, startsInThinking)
        #expect(whole == single && whole.fault == nil && single.fault == nil)
        for text in whole.arguments { #expect((try? JSONValue(parsing: text))?.object != nil, "\(text)") }
        return whole
    }

    @Test(arguments: [
        ("<think>a</think>b", false, "a", "b"), ("\n<think>\n\na\nb\n\n</think>\n\n\nc\n", false, "a\nb", "c\n"),
        ("a</think>b", true, "a", "b"), ("<think>a</think>b", true, "a", "b"),
        ("a <think> b</think>c", true, "a <think> b", "c"),
        ("<think>\n\n</think>\n\nb", false, "", "b"), ("<thin", false, "", "<thin"), ("  <b>", false, "", "  <b>"),
        ("a</think>b", false, "", "a</think>b"), ("<think>a", false, "a", ""), ("a</thi", true, "a</thi", ""),
        ("<think>a</think></think>", false, "a", "</think>"), ("x<think>a</think>", false, "", "x<think>a</think>"),
        ("", true, "", ""), ("<<think>", false, "", "<<think>"), ("<think>a<</think>b", false, "a<", "b"),
    ])
    func `thinking and content come apart`(_ text: String, _ starts: Bool, _ reasoning: String, _ content: String) {
        for tools in [[], Self.tools] {
            let found = parse(text, thinks: true, tools: tools, startsInThinking: starts)
            #expect(found.reasoning == reasoning)
            #expect(found.content == content)
        }
        #expect(parse(text, thinks: false, tools: []).content == text)
    }

    @Test func `without tools their markup is content`() {
        for script in AnswerScript.all where script.choice == .none || !script.calls.isEmpty {
            let found = JoinedAnswer.parse([script.text], script.format, [], script.startsInThinking)
            #expect(found.names.isEmpty)
            #expect(script.text.hasSuffix(found.content) && !found.content.isEmpty)
        }
    }

    @Test(arguments: [
        // Text around calls.
        ("Hi.\n\n<tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>\n\nBye.\n", "Hi.Bye.\n", ["{}"]),
        // Keys in another order, other keys, other names for the arguments, none at all.
        (
            "<tool_call>{\"arguments\": {\"a\": [1, {}]}, \"id\": 7.5e3, \"name\": \"now\"}</tool_call>", "",
            ["{\"a\": [1, {}]}"]
        ),
        ("<tool_call>{\"name\": \"n\\u006fw\", \"parameters\": {\"b\":1}}</tool_call>", "", ["{\"b\":1}"]),
        ("<tool_call>{\"name\": \"now\"}</tool_call>", "", ["{}"]),
        ("<tool_call>{\"name\": \"now\", \"arguments\": null}</tool_call>", "", ["{}"]),
        // Arguments as JSON in a string.
        (
            "<tool_call>{\"name\": \"now\", \"arguments\": \"{\\\"a\\\": \\\"\\\\n\\\"}\"}</tool_call>", "",
            ["{\"a\": \"\\n\"}"]
        ),
        // The closing tag is missing, at the end or before the next call.
        ("<tool_call>{\"name\": \"now\", \"arguments\": {}}", "", ["{}"]),
        ("<tool_call>{\"name\":\"now\"}\n<tool_call>{\"name\":\"now\"}</tool_call>", "", ["{}", "{}"]),
        // Tags inside strings are text.
        (
            "<tool_call>{\"name\":\"now\",\"arguments\":{\"a\":\"</tool_call>\"}}</tool_call>", "",
            ["{\"a\":\"</tool_call>\"}"]
        ),
    ])
    func `JSON calls are taken as models write them`(_ text: String, _ content: String, _ arguments: [String]) {
        let found = parse(text)
        #expect(found.content == content)
        #expect(found.arguments == arguments)
    }

    @Test(arguments: [
        "<tool_call>hello</tool_call>", "<tool_call>{\"name\": \"unknown\", \"arguments\": {}}</tool_call>",
        "<tool_call>{\"arguments\": {}}</tool_call>", "<tool_call>[1]</tool_call>",
        "<tool_call>{\"name\": 7}</tool_call>",
        "<tool_call>{name: \"now\"}</tool_call>", "a </tool_call> b", "<tool_call", "<tool_call>", "<tool_call>{\"na",
        "x\n <tool_call>\n{\"name\": \"no", "<tool_call><tool_call>", "<tool_call>{\"name\":\"now\u{1}\"}",
        "<tool_call>{\"arguments\": 5, \"name\": \"now\"}",
        "<tool_call>{\"arguments\": {}, \"name\": \"nope\"}</tool_call>",
        "<tool_call>{\"arguments\": \"no json\", \"name\": \"now\"}</tool_call>", "<tool_call>{}</tool_call>",
    ])
    func `what turns out not to be a call is content word for word`(_ text: String) {
        for style in [ToolCallStyle.hermes, .qwen3Coder] {
            let found = parse(text, style)
            #expect(found.content == text)
            #expect(found.names.isEmpty)
        }
    }

    @Test(arguments: [
        ("{\"name\": \"now\", \"arguments\": {\"a\": tru", "{\"a\": true}", ""),
        ("{\"name\": \"now\", \"arguments\": {\"a\": [1, {\"b\": \"x\\u00", "{\"a\": [1, {\"b\": \"x\\u0000\"}]}", ""),
        ("{\"name\": \"now\", \"arguments\": {\"a\": \"\\ud83d", "{\"a\": \"\\ud83d\\udc00\"}", ""),
        ("{\"name\": \"now\", \"arguments\": {\"a\": -", "{\"a\": -0}", ""),
        ("{\"name\": \"now\", \"arguments\": {\"a\": 1,", "{\"a\": 1,\"\":null}", ""),
        ("{\"name\": \"now\", \"arguments\": {\"a\" 1}}</tool_call> x", "{\"a\" :null}", "1}}x"),
        ("{\"name\": \"now\", \"arguments\": {\"a\": \"b\nc\"}}</tool_call>", "{\"a\": \"b\"}", "c\"}}"),
        ("{\"name\": \"now\", \"arguments\": 5}</tool_call>", "{}", "5}"),
        ("{\"name\": \"now\", \"arguments\": {}, \"arguments\": {}}</tool_call>", "{}", "{}}"),
        ("{\"name\": \"now\", oh", "{}", "oh"),
    ])
    func `a call that breaks behind its name is closed, and the rest is content`(
        _ call: String, _ arguments: String, _ content: String
    ) {
        let found = parse("<tool_call>\n" + call)
        #expect(found.names == ["now"])
        #expect(found.arguments == [arguments])
        #expect(found.content == content)
    }

    @Test(arguments: [
        ("text", "a\n<b> \"q\"\\\n", "\"a\\n<b> \\\"q\\\"\\\\\\n\""), ("text", "", "\"\""), ("text", "5", "\"5\""),
        ("count", "5", "5"), ("count", " 5\n", "5"), ("count", "five", "\"five\""), ("ratio", "-1.5e3", "-1.5e3"),
        ("flag", "true", "true"), ("flag", "True", "true"), ("list", "[1, \"</parameter>\"]", "[1, \"</parameter>\"]"),
        ("list", "[1, 'x']", "\"[1, 'x']\""), ("map", "{\"a\": {}}", "{\"a\": {}}"), ("maybe", "null", "null"),
        ("maybe", "nullable", "\"nullable\""), ("maybe", "5", "\"5\""), ("mixed", "5", "5"),
        ("mixed", "5 apples", "\"5 apples\""),
        ("choice", "1", "\"1\""), ("none", "7", "\"7\""), ("unknown", "7", "\"7\""),
        ("text", "</parameter", "\"</parameter\""),
        ("text", "\n\n", "\"\\n\\n\""), ("text", "\u{7}\t", "\"\\u0007\\t\""),
    ])
    func `parameters in markup become JSON by the tool's schema`(_ key: String, _ value: String, _ json: String) {
        let call = "<function=typed>\n<parameter=\(key)>\n\(value)\n</parameter>\n</function>"
        for text in ["<tool_call>\n\(call)\n</tool_call>", call, call.replacing("\n</function>", with: "</function>")] {
            let found = parse(text, .qwen3Coder)
            #expect(found.arguments == ["{\"\(key)\": \(json)}"])
            #expect(found.content.isEmpty)
        }
    }

    @Test func `markup is taken as models write it, and broken markup is closed`() {
        let cases: [(String, [String], String)] = [
            ("a\n<function=now></function></tool_call>\nb", ["{}"], "ab"),
            ("<tool_call><function=now>\n</tool_call>", ["{}"], ""),
            ("<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", ["{}"], ""),
            (
                "<function=typed><parameter=text>x</parameter><parameter=count>1</parameter></function>",
                ["{\"text\": \"x\", \"count\": 1}"], ""
            ),
            ("<function=typed>\n<parameter=text>\na\n</para", ["{\"text\": \"a\\n</para\"}"], ""),
            ("<function=typed>\n<parameter=list>\n[1", ["{\"list\": \"[1\"}"], ""),
            ("<function=typed>\n<parameter=te", ["{}"], ""),
            (
                "<function=typed>\n<parameter=text>\n1\n</parameter>\n<parameter=text>\n2\n</parameter>\n</function>",
                ["{\"text\": \"1\"}"], ""
            ),
            ("<function=typed>\noops</function>\n</tool_call>", ["{}"], "oops</function>"),
            ("<function=typed>\n<parm>", ["{}"], "<parm>"),
            ("<function=nope>\n</function>", [], "<function=nope>\n</function>"),
            ("<function=now", [], "<function=now"),
            ("<function=a\nb>", [], "<function=a\nb>"),
            ("<tool_call>\n<functio>", [], "<tool_call>\n<functio>"),
        ]
        for (text, arguments, content) in cases {
            let found = parse(text, .qwen3Coder)
            #expect(found.arguments == arguments, "\(text)")
            #expect(found.content == content, "\(text)")
        }
    }

    @Test func `Llama's answers are calls only as a whole, and only of known tools`() {
        let cases: [(String, [String], String)] = [
            (" {\"name\": \"now\", \"parameters\": {\"a\": 1}} ", ["{\"a\": 1}"], ""),
            ("<|python_tag|>{\"name\": \"now\", \"parameters\": {}}", ["{}"], ""),
            ("{\"type\": \"function\", \"name\": \"now\", \"parameters\": {}};{\"name\": \"now\"}", ["{}", "{}"], ""),
            ("{\"name\": \"now\", \"parameters\": {}} and text", ["{}"], "and text"),
            ("{\"city\": \"Paris\"}", [], "{\"city\": \"Paris\"}"),
            ("{\"name\": \"Paris\"}", [], "{\"name\": \"Paris\"}"),
            ("{\"name\": \"now\", \"mayor\": 1}", ["{}"], "\": 1}"),
            ("Call {\"name\": \"now\"}", [], "Call {\"name\": \"now\"}"),
            ("{ not json", [], "{ not json"), ("<|python", [], "<|python"), ("{", [], "{"), (" ", [], " "),
            ("<b>{", [], "<b>{"),
        ]
        for (text, arguments, content) in cases {
            let found = parse(text, .llama3)
            #expect(found.arguments == arguments, "\(text)")
            #expect(found.content == content, "\(text)")
        }
    }

    @Test func `a million bytes of anything take time in proportion`() {
        for unit in [
            "<", "<tool_call>", "{", "<tool_call>{\"name\":\"now\",\"arguments\":", " \n",
            "<function=typed><parameter=text>", "\"\\",
        ] {
            let text = String(repeating: unit, count: 1_000_000 / unit.utf8.count)
            for style in [ToolCallStyle.hermes, .qwen3Coder, .llama3] {
                let format = AnswerFormat(thinking: Self.think, toolCalls: style)
                let found = JoinedAnswer.parse([text], format, Self.tools, false)
                #expect(found.fault == nil)
            }
        }
    }

    /// A model may repeat a key; that passes through as it came.
    private static func isObject(_ text: String) -> Bool {
        do throws(JSONError) {
            return try JSONValue(parsing: text).object != nil
        } catch {
            return error.reason.contains("stands twice")
        }
    }

    @Test func `no text at all makes the parser trap or lose its place`() {
        var random = SeededGenerator(seed: runSeed)
        let parts = [
            "<think>", "</think>", "<tool_call>", "</tool_call>", "<function=", "typed", ">", "<parameter=", "text",
            "count",
            "</parameter>", "</function>", "{\"name\": \"now\"", ", \"arguments\": ", "{", "}", "[", "]", "\"", "\\",
            "\\u", "d83d",
            ":", ",", " ", "\n", "é", "\u{1F600}", "<", "1", "-", "true", "null", "e", ";", "<|python_tag|>", "\u{0}",
        ]
        for _ in 0..<4_000 {
            let pieces = (0..<Int.random(in: 1..<24, using: &random)).compactMap { _ in
                parts.randomElement(using: &random)
            }
            for style in [ToolCallStyle.hermes, .qwen3Coder, .llama3, .none] {
                let format = AnswerFormat(thinking: Self.think, toolCalls: style)
                let starts = Bool.random(using: &random)
                let streamed = JoinedAnswer.parse(pieces, format, Self.tools, starts)
                let whole = JoinedAnswer.parse([pieces.joined()], format, Self.tools, starts)
                #expect(streamed == whole && streamed.fault == nil, "\(pieces), seed \(runSeed)")
                for text in streamed.arguments {
                    #expect(Self.isObject(text), "\(text) of \(pieces), seed \(runSeed)")
                }
            }
        }
    }

    @Test(arguments: [
        ("Qwen-Qwen3-0.6B", true, ToolCallStyle.hermes), ("Qwen3-Coder", false, .qwen3Coder),
        ("Qwen3.5-4B", true, .qwen3Coder),
        ("Qwen-Qwen2.5-7B-Instruct", false, .hermes), ("Qwen-QwQ-32B", true, .hermes),
        ("SmolLM2-135M-Instruct", false, .none),
        ("GLM-4.6", true, .none), ("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", true, .none),
        ("openai-gpt-oss-120b", false, .none),
        ("mistralai-Mistral-Nemo-Instruct-2407", false, .none),
    ])
    func `a template's source tells the format`(_ name: String, _ thinks: Bool, _ style: ToolCallStyle) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = folder.appending(path: "Fixtures/golden/chat/\(name).jinja")
        let format = AnswerFormat.detect(templateSource: try String(contentsOf: file, encoding: .utf8))
        #expect((format.thinking != nil) == thinks)
        #expect(format.toolCalls == style)
    }
}
