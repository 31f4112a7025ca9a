public import Foundation
public import OrderedJSON
public import Tokenizers

/// A conversation as requests bring it, made ready for a model's template.
public struct ChatPrompt: Sendable {
    /// Messages as the template sees them.
    public var messages: [JSONValue]
    /// Tool definitions, if any.
    public var tools: [JSONValue]?
    /// Further variables of the template, such as `enable_thinking`.
    public var variables: JSONObject

    /// A conversation.
    /// - Parameters:
    ///   - messages: objects with `role` and `content`, checked before; contents that are lists of text parts are joined,
    ///     arguments of tool calls that are JSON in a string become objects, since templates expect both.
    public init(messages: [JSONValue], tools: [JSONValue]? = nil, variables: JSONObject = JSONObject()) {
        self.messages = messages.map(Self.prepared)
        self.tools = tools
        self.variables = variables
    }

    /// The prompt's tokens: markup of the template as control tokens, everything that came with the request as plain text,
    /// so that no text can pretend to be another role.
    /// - Throws: `TemplateError`.
    public func tokens(for model: LoadedModel, template: ChatTemplate, now: Date = Date()) throws -> [Int32] {
        var context = context
        if let tools, !model.templateKnowsTools {
            context["messages"] = .array(ToolInstructions.adding(tools, to: messages))
        }
        let segments = try template.renderSegments(context, specialTokens: model.specialTokens, now: now)
        return model.tokenizer.encode(segments: segments).compactMap { Int32(exactly: $0) }
    }

    private var context: JSONObject {
        var context = JSONObject()
        context["messages"] = .array(messages)
        context["tools"] = tools.map { .array($0) } ?? .null
        context["documents"] = .null
        context["add_generation_prompt"] = true
        for (name, value) in variables.entries { context[name] = value }
        return context
    }

    private static func prepared(_ message: JSONValue) -> JSONValue {
        guard var object = message.object else { return message }
        if let parts = object["content"]?.array {
            object["content"] = .string(parts.compactMap { $0["text"]?.string }.joined())
        }
        // Templates differ in how they call an earlier answer's thinking.
        if let thinking = object["reasoning_content"] ?? object["reasoning"] ?? object["thinking"] {
            for name in ["reasoning_content", "reasoning", "thinking"] { object[name] = thinking }
        }
        if let calls = object["tool_calls"]?.array { object["tool_calls"] = .array(calls.map(preparedCall)) }
        return .object(object)
    }

    private static func preparedCall(_ call: JSONValue) -> JSONValue {
        guard var object = call.object, var function = object["function"]?.object,
            let text = function["arguments"]?.string, let arguments = try? JSONValue(parsing: text),
            arguments.object != nil
        else { return call }
        function["arguments"] = arguments
        object["function"] = .object(function)
        return .object(object)
    }
}
