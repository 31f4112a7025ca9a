import OrderedJSON

/// What a byte of a tool call led to.
enum CallStep: Sendable {
    /// The call goes on.
    case more
    /// The call is complete with this byte.
    case finished
    /// This byte can't stand here; it has not been taken.
    case malformed
}

/// Where the readers of tool calls put what they find.
struct CallSink: Sendable {
    /// The call's name, once it is known.
    var name: String?
    /// Bytes of its arguments since they were last taken.
    var arguments: [UInt8] = []
}

/// The tools of a request, as the readers of calls need them.
struct OfferedTools: Sendable {
    private var tools: [UTF8Key: ParameterKinds] = [:]

    init(_ definitions: [ToolDefinition]) {
        for tool in definitions { tools[UTF8Key(tool.name)] = ParameterKinds(tool.parameters) }
    }

    var isEmpty: Bool { tools.isEmpty }

    func contains(_ name: String) -> Bool { tools[UTF8Key(name)] != nil }

    func kinds(of name: String) -> ParameterKinds? { tools[UTF8Key(name)] }
}
