import Generation
import OrderedJSON
import Testing

/// One corner of the matrix of issue 3: a family, thinking, a tool choice, a response format, and a scripted answer.
struct AnswerScript: Sendable, CustomTestStringConvertible {
    let family: String
    let thinks: Bool
    let choice: ToolChoice
    let hasSchema: Bool
    /// What the model writes, behind the prompt.
    let text: String
    /// What must come out of it.
    let reasoning: String
    let content: String
    let calls: [(name: String, arguments: JSONValue)]

    var testDescription: String { "\(family), thinking \(thinks), \(choice), schema \(hasSchema): \(text.prefix(60))" }

    var format: AnswerFormat {
        AnswerFormat(
            thinking: ("<think>", "</think>"),
            toolCalls: family == "Llama 3" ? .llama3 : family == "Qwen3-Coder" ? .qwen3Coder : .hermes)
    }
    /// Hermes here is a template that opens the thinking itself.
    var startsInThinking: Bool { thinks && family == "Hermes" }
    var thinking: ThinkingMode { startsInThinking ? .opened : thinks ? .optional : .off }
    var tools: [ToolDefinition] { choice == .none ? [] : Self.tools }
    var responseFormat: ResponseFormat { hasSchema ? .jsonSchema(Self.schema) : .text }

    static let tools = [
        ToolDefinition(
            name: "get_weather",
            parameters: [
                "type": "object",
                "properties": [
                    "city": ["type": "string"], "days": ["type": "integer", "minimum": 1, "maximum": 14],
                    "options": [
                        "type": "object", "properties": ["unit": ["enum": ["C", "F"]], "note": ["type": "string"]],
                    ],
                ],
                "required": ["city"],
            ]),
        ToolDefinition(name: "now"),
    ]
    static let schema: JSONValue = [
        "type": "object", "properties": ["answer": ["type": "string"], "sure": ["type": "boolean"]],
        "required": ["answer"], "additionalProperties": false,
    ]
    static let plain = "Grüße <b>&</b> 漢字: a < b, {\"name\": 1} \u{1F600}\n\n- </tool> done; "
    static let schemaAnswer = "{\"answer\": \"<tool_call> \\\"é\\\" </think>\", \"sure\": true}"
    static let thought = "Is 1 < 2?\nYes </thinks> <tool_call>{}</tool_call> \u{1F914}"
    static let arguments: [JSONValue] = [
        [
            "city": "São \"Paulo\"\n</tool_call> <b>", "days": 3,
            "options": ["unit": "C", "note": "</parameter>\\ {[\n"],
        ],
        ["city": "x"],
        [:],
    ]

    static let all: [AnswerScript] = ["Qwen3 JSON", "Qwen3-Coder", "Llama 3", "Hermes"].flatMap { family in
        [false, true].flatMap { thinks in
            [ToolChoice.auto, .required, .function("get_weather"), .none].flatMap { choice in
                [false, true].flatMap { scripts(family, thinks, choice, $0) }
            }
        }
    }

    private static func scripts(
        _ family: String, _ thinks: Bool, _ choice: ToolChoice, _ hasSchema: Bool
    ) -> [AnswerScript] {
        let content = hasSchema ? schemaAnswer : plain
        let one = [("get_weather", arguments[0])]
        let several = one + [("now", arguments[2]), ("get_weather", arguments[1])]
        let answers: [(String, [(name: String, arguments: JSONValue)])] =
            switch choice {
            case .none: [(content, [])]
            case .auto: [(content, []), ("", one), ("", several)]
            case .required: [("", one), ("", several)]
            case .function: [("", one)]
            }
        return answers.map { content, calls in
            let body = content + markup(family, calls)
            let opening = thinks ? (family == "Hermes" ? "\n" : "<think>\n") + thought + "\n</think>\n\n" : ""
            return AnswerScript(
                family: family, thinks: thinks, choice: choice, hasSchema: hasSchema, text: opening + body,
                reasoning: thinks ? thought : "", content: content, calls: calls)
        }
    }

    static func markup(_ family: String, _ calls: [(name: String, arguments: JSONValue)]) -> String {
        switch family {
        case "Llama 3":
            return calls.map { "{\"name\": \"\($0.name)\", \"parameters\": \($0.arguments.serialized)}" }
                .joined(separator: "; ")
        case "Qwen3-Coder":
            return calls.map { call in
                let parameters = (call.arguments.object?.entries ?? []).map { key, value in
                    "<parameter=\(key)>\n\(value.string ?? value.serialized)\n</parameter>\n"
                }
                return "<tool_call>\n<function=\(call.name)>\n\(parameters.joined())</function>\n</tool_call>"
            }.joined(separator: "\n")
        default:
            return calls.map {
                "<tool_call>\n{\"name\": \"\($0.name)\", \"arguments\": \($0.arguments.serialized)}\n</tool_call>"
            }
            .joined(separator: "\n")
        }
    }
}

/// An answer put together from its pieces, checked on the way.
struct JoinedAnswer: Equatable {
    var reasoning = ""
    var content = ""
    var names: [String] = []
    var arguments: [String] = []
    /// What was wrong with the order of the pieces.
    var fault: String?

    init(_ pieces: [AnswerPiece]) {
        for piece in pieces {
            switch piece {
            case .reasoning(let text):
                if text.isEmpty { fault = "empty piece" }
                reasoning += text
            case .content(let text):
                if text.isEmpty { fault = "empty piece" }
                content += text
            case .toolCall(let index, let name):
                if index != names.count { fault = "index \(index)" }
                names.append(name)
                arguments.append("")
            case .toolArguments(let index, let text):
                if text.isEmpty { fault = "empty piece" }
                if index != names.count - 1 { fault = "arguments of \(index)" } else { arguments[index] += text }
            }
        }
    }

    static func == (left: JoinedAnswer, right: JoinedAnswer) -> Bool {
        func parts(_ answer: JoinedAnswer) -> [[UInt8]] {
            ([answer.reasoning, answer.content] + answer.names + answer.arguments).map { Array($0.utf8) }
        }
        return parts(left) == parts(right)
    }

    /// What a parser makes of `pieces` of text.
    static func parse(_ pieces: [String], _ format: AnswerFormat, _ tools: [ToolDefinition], _ startsInThinking: Bool)
        -> JoinedAnswer
    {
        var parser = AnswerParser(format: format, tools: tools, startsInThinking: startsInThinking)
        return JoinedAnswer(pieces.flatMap { parser.append($0) } + parser.finish())
    }
}
