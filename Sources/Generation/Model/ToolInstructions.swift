import OrderedJSON

/// Tells a model whose template knows nothing of tools how to call them: in the markup of Hermes, which many models have
/// seen and our parser reads.
enum ToolInstructions {
    /// `messages` with the tools described at their head, and earlier calls written out as the model would write them.
    static func adding(_ tools: [JSONValue], to messages: [JSONValue]) -> [JSONValue] {
        var messages = messages.map(writtenOut)
        let text = instructions(for: tools)
        if let first = messages.first, first["role"] == "system", var object = first.object {
            object["content"] = .string("\(first["content"]?.string ?? "")\n\n\(text)")
            messages[0] = .object(object)
        } else {
            messages.insert(["role": "system", "content": .string(text)], at: 0)
        }
        return messages
    }

    private static func instructions(for tools: [JSONValue]) -> String {
        """
        You can call these functions:
        \(tools.map { ($0["function"] ?? $0).serialized }.joined(separator: "\n"))
        To call one, write its name and arguments like this:
        <tool_call>
        {"name": "function_name", "arguments": {"argument": "value"}}
        </tool_call>
        """
    }

    private static func writtenOut(_ message: JSONValue) -> JSONValue {
        guard var object = message.object, let calls = object["tool_calls"]?.array, !calls.isEmpty else {
            return message
        }
        let texts = calls.map { call -> String in
            let function: JSONValue = [
                "name": call["function"]?["name"] ?? "", "arguments": call["function"]?["arguments"] ?? [:],
            ]
            return "<tool_call>\n\(function.serialized)\n</tool_call>"
        }
        let content = object["content"]?.string ?? ""
        object["content"] = .string(([content] + texts).filter { !$0.isEmpty }.joined(separator: "\n"))
        object["tool_calls"] = nil
        return .object(object)
    }
}
