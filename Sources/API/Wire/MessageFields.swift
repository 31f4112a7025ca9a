import OrderedJSON

/// Checks the messages of a conversation; faults name their place, such as `messages[3].content[1].type`.
enum MessageFields {
    private static let roles: Set<String> = ["system", "developer", "user", "assistant", "tool", "function"]

    static func messages(_ fields: inout Fields) throws(APIError) -> [JSONValue] {
        guard let values = try fields.array("messages"), !values.isEmpty else {
            throw .invalid("'messages' must be an array with at least one message", param: "messages")
        }
        guard values.count <= RequestLimits.messages else {
            throw .invalid(
                "'messages' may hold \(RequestLimits.messages) messages, not \(values.count)", param: "messages")
        }
        var checked: [JSONValue] = []
        for (index, value) in values.enumerated() { checked.append(try message(value, at: "messages[\(index)]")) }
        return checked
    }

    private static func message(_ value: JSONValue, at place: String) throws(APIError) -> JSONValue {
        guard var object = value.object else { throw Fields.wrong(place, value, expected: "an object") }
        guard let role = object["role"]?.string, roles.contains(role) else {
            throw Fields.wrong(
                "\(place).role", object["role"] ?? .null, expected: "system, developer, user, assistant or tool")
        }
        // Templates know the older name only.
        if role == "developer" { object["role"] = "system" }
        if role == "function" { object["role"] = "tool" }
        try content(object["content"], role: role, at: "\(place).content", hasCalls: object["tool_calls"]?.array != nil)
        if object["content"] == nil { object["content"] = .null }
        if role == "tool", object["tool_call_id"]?.string == nil {
            throw .invalid("a tool's message needs the id of its call", param: "\(place).tool_call_id")
        }
        if let calls = object["tool_calls"], !calls.isNull {
            guard role == "assistant" else {
                throw .invalid("only an assistant's message may hold tool calls", param: "\(place).tool_calls")
            }
            guard let array = calls.array else {
                throw Fields.wrong("\(place).tool_calls", calls, expected: "an array")
            }
            for (index, call) in array.enumerated() { try self.call(call, at: "\(place).tool_calls[\(index)]") }
        } else {
            object["tool_calls"] = nil
        }
        for name in ["reasoning_content", "name"] {
            if let text = object[name], !text.isNull, text.string == nil {
                throw Fields.wrong("\(place).\(name)", text, expected: "a string")
            }
        }
        return .object(object)
    }

    private static func content(_ value: JSONValue?, role: String, at place: String, hasCalls: Bool) throws(APIError) {
        switch value {
        case nil, .null?:
            guard role == "assistant" else {
                throw .invalid("a message of the role '\(role)' needs content", param: place)
            }
        case .string?: return
        case .array(let parts)?:
            for (index, part) in parts.enumerated() {
                let place = "\(place)[\(index)]"
                guard part.object != nil else { throw Fields.wrong(place, part, expected: "an object") }
                guard let type = part["type"]?.string, type == "text" else {
                    throw Fields.wrong(
                        "\(place).type", part["type"] ?? .null, expected: "text: this model reads no other parts")
                }
                guard part["text"]?.string != nil else {
                    throw Fields.wrong("\(place).text", part["text"] ?? .null, expected: "a string")
                }
            }
        case let value?: throw Fields.wrong(place, value, expected: "a string or an array of parts")
        }
    }

    private static func call(_ value: JSONValue, at place: String) throws(APIError) {
        guard value.object != nil else { throw Fields.wrong(place, value, expected: "an object") }
        guard let name = value["function"]?["name"]?.string, !name.isEmpty else {
            throw .invalid("a tool call needs the name of its function", param: "\(place).function.name")
        }
        guard let arguments = value["function"]?["arguments"], arguments.string != nil || arguments.object != nil else {
            throw .invalid("a tool call needs its arguments as a string of JSON", param: "\(place).function.arguments")
        }
    }
}
