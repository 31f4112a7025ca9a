/// How a family of models writes a tool call.
public enum ToolCallStyle: String, Sendable {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, as Qwen2.5, Qwen3 and the Hermes models do.
    case hermes
    /// `<tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>`.
    case qwen3Coder
    /// The whole answer is `{"name": …, "parameters": {…}}`, further calls behind a semicolon.
    case llama3
    /// Tool calls aren't recognised.
    case none
}

/// How a family of models marks what is what in its answers.
public struct AnswerFormat: Sendable {
    /// The tags around the thinking; none: the model doesn't think aloud.
    public var thinking: (open: String, close: String)?
    /// How tool calls are written.
    public var toolCalls: ToolCallStyle

    /// A format of its parts.
    public init(thinking: (open: String, close: String)? = nil, toolCalls: ToolCallStyle = .none) {
        self.thinking = thinking
        self.toolCalls = toolCalls
    }

    /// The format that a chat template teaches, read from the markup in its source.
    public static func detect(templateSource: String) -> AnswerFormat {
        let source = Array(templateSource.utf8)
        func has(_ text: String) -> Bool { firstPlace(of: Array(text.utf8), in: source) != nil }
        var format = AnswerFormat()
        if has("<think>") || has("</think>") { format.thinking = ("<think>", "</think>") }
        if has("<function=") && has("<parameter=") {
            format.toolCalls = .qwen3Coder
        } else if has("<tool_call>") && !has("<arg_key>") {
            format.toolCalls = .hermes
        } else if has("<|start_header_id|>") && (has("\"parameters\"") || has("<|python_tag|>")) {
            format.toolCalls = .llama3
        }
        return format
    }

    private static func firstPlace(of pattern: [UInt8], in text: [UInt8]) -> Int? {
        guard text.count >= pattern.count else { return nil }
        return (0...text.count - pattern.count).first { place in
            text[place] == pattern[0] && text[place..<place + pattern.count].elementsEqual(pattern)
        }
    }
}
