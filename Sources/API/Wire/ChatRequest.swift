import Generation
import OrderedJSON

/// A chat completion as a client asks for it, checked.
struct ChatRequest {
    let head: RequestHead
    let prompt: ChatPrompt
    let sampling: SamplingFields
    let topLogprobs: Int?
    let tools: [ToolDefinition]
    let toolChoice: ToolChoice
    let callsInParallel: Bool
    let responseFormat: ResponseFormat
    /// What the client said about thinking, if anything.
    let thinking: Bool?
    let unused: [String]

    init(_ object: JSONObject, vocabularySize: Int) throws(APIError) {
        var fields = Fields(object)
        head = try RequestHead(&fields)
        sampling = try SamplingFields(&fields, vocabularySize: vocabularySize)
        let wantsLogprobs = try fields.bool("logprobs") ?? false
        let top = try fields.integer("top_logprobs", in: 0...RequestLimits.topLogprobs)
        if top != nil, !wantsLogprobs {
            throw .invalid("'top_logprobs' needs 'logprobs' to be true", param: "top_logprobs")
        }
        topLogprobs = wantsLogprobs ? top ?? 0 : nil
        let definitions = try ToolFields.definitions(&fields)
        tools = definitions.map(\.tool)
        toolChoice = try ToolFields.choice(&fields, tools: tools)
        callsInParallel = try fields.bool("parallel_tool_calls") ?? true
        responseFormat = try Self.responseFormat(&fields)
        thinking = try Self.thinking(&fields)
        var variables = try Self.templateVariables(&fields)
        if let thinking { variables["enable_thinking"] = .bool(thinking) }
        guard fields.value("chat_template") == nil else {
            throw .invalid("'chat_template' isn't taken from requests; the model's own is used", param: "chat_template")
        }
        let messages = try MessageFields.messages(&fields)
        let offered = toolChoice.isNone ? [] : definitions.map(\.json)
        prompt = ChatPrompt(messages: messages, tools: offered.isEmpty ? nil : offered, variables: variables)
        // Who asks, and what is only of use to a hosted service: known, and of no effect here.
        for name in ["user", "safety_identifier", "prompt_cache_key"] { _ = fields.value(name) }
        unused = fields.unused
    }

    private static func responseFormat(_ fields: inout Fields) throws(APIError) -> ResponseFormat {
        guard let format = try fields.object("response_format") else { return .text }
        switch format["type"]?.string {
        case "text": return .text
        case "json_object": return .jsonObject
        case "json_schema":
            guard let schema = format["json_schema"]?["schema"], schema.object != nil else {
                throw .invalid(
                    "'response_format.json_schema.schema' must be an object",
                    param: "response_format.json_schema.schema")
            }
            return .jsonSchema(schema)
        default:
            throw Fields.wrong(
                "response_format.type", format["type"] ?? .null, expected: "text, json_object or json_schema")
        }
    }

    /// `enable_thinking`, `thinking_mode`, `reasoning_effort` and `chat_template_kwargs.enable_thinking` say one thing.
    private static func thinking(_ fields: inout Fields) throws(APIError) -> Bool? {
        var answer = try fields.bool("enable_thinking")
        if let mode = try fields.string("thinking_mode") {
            switch mode {
            case "auto": break
            case "force", "on", "enabled": answer = true
            case "disable", "off", "disabled": answer = false
            default: throw Fields.wrong("thinking_mode", .string(mode), expected: "auto, force or disable")
            }
        }
        if let effort = try fields.string("reasoning_effort") {
            guard ["none", "minimal", "low", "medium", "high", "xhigh"].contains(effort) else {
                throw Fields.wrong(
                    "reasoning_effort", .string(effort), expected: "none, minimal, low, medium, high or xhigh")
            }
            answer = answer ?? (effort != "none" && effort != "minimal")
        }
        return answer
    }

    /// Variables that templates know; everything else could reach into the program that renders them.
    private static let permittedVariables: Set<String> = [
        "enable_thinking", "thinking", "reasoning_effort", "preserve_thinking",
    ]

    private static func templateVariables(_ fields: inout Fields) throws(APIError) -> JSONObject {
        let variables = try fields.object("chat_template_kwargs") ?? JSONObject()
        for (name, value) in variables.entries {
            guard permittedVariables.contains(name) else {
                throw .invalid(
                    "'chat_template_kwargs.\(name.prefix(64))' isn't taken; known are "
                        + permittedVariables.sorted().joined(separator: ", "),
                    param: "chat_template_kwargs.\(name.prefix(64))")
            }
            guard value.bool != nil || value.string != nil else {
                throw Fields.wrong("chat_template_kwargs.\(name)", value, expected: "a boolean or a string")
            }
        }
        return variables
    }
}

extension ToolChoice {
    var isNone: Bool { if case .none = self { true } else { false } }
}
