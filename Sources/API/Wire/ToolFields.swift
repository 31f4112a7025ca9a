import Generation
import OrderedJSON

/// Reads `tools` and `tool_choice`.
enum ToolFields {
    static func definitions(_ fields: inout Fields) throws(APIError) -> [(tool: ToolDefinition, json: JSONValue)] {
        let values = try fields.array("tools") ?? []
        guard values.count <= RequestLimits.tools else {
            throw .invalid("'tools' may hold \(RequestLimits.tools) tools, not \(values.count)", param: "tools")
        }
        var names: Set<UTF8Key> = []
        var definitions: [(tool: ToolDefinition, json: JSONValue)] = []
        for (index, value) in values.enumerated() {
            let place = "tools[\(index)]"
            guard value["type"]?.string == "function" else {
                throw Fields.wrong("\(place).type", value["type"] ?? .null, expected: "function")
            }
            guard let name = value["function"]?["name"]?.string, isName(name) else {
                throw Fields.wrong(
                    "\(place).function.name", value["function"]?["name"] ?? .null,
                    expected: "up to 64 letters, digits, '_', '-' and '.'")
            }
            guard names.insert(UTF8Key(name)).inserted else {
                throw .invalid("two tools are called '\(name)'", param: "\(place).function.name")
            }
            let parameters = value["function"]?["parameters"]
            if let parameters, !parameters.isNull, parameters.object == nil {
                throw Fields.wrong("\(place).function.parameters", parameters, expected: "a JSON schema")
            }
            let tool = ToolDefinition(
                name: name, description: value["function"]?["description"]?.string,
                parameters: parameters?.isNull == true ? nil : parameters,
                strict: value["function"]?["strict"]?.bool ?? false)
            definitions.append((tool, value))
        }
        return definitions
    }

    static func choice(_ fields: inout Fields, tools: [ToolDefinition]) throws(APIError) -> ToolChoice {
        guard let value = fields.value("tool_choice") else { return tools.isEmpty ? .none : .auto }
        let choice: ToolChoice
        switch value {
        case "none": return .none
        case "auto": choice = .auto
        case "required": choice = .required
        default:
            guard value["type"]?.string == "function", let name = value["function"]?["name"]?.string else {
                throw Fields.wrong("tool_choice", value, expected: "none, auto, required or a function by name")
            }
            guard tools.contains(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
                throw .invalid(
                    "'tool_choice' names '\(name.prefix(64))', which is none of the tools", param: "tool_choice")
            }
            choice = .function(name)
        }
        guard !tools.isEmpty else { throw .invalid("'tool_choice' needs 'tools'", param: "tool_choice") }
        return choice
    }

    private static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.unicodeScalars.allSatisfy {
                $0.isASCII
                    && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "_-.".unicodeScalars.contains($0))
            }
    }
}
