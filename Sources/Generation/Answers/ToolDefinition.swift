public import OrderedJSON

/// A function that the model may call.
public struct ToolDefinition: Sendable {
    /// What the model calls it.
    public let name: String
    /// What it does, for the model.
    public let description: String?
    /// The JSON Schema of its arguments, an object; none: it takes none.
    public let parameters: JSONValue?
    /// Whether calls must satisfy the schema even where no call is forced.
    public let strict: Bool

    /// A function by its name and the schema of its arguments.
    public init(name: String, description: String? = nil, parameters: JSONValue? = nil, strict: Bool = false) {
        self.name = name
        self.description = description
        self.parameters = parameters
        self.strict = strict
    }
}

/// Whether an answer is a tool call.
public enum ToolChoice: Sendable, Equatable {
    /// Never: the tools are not offered.
    case none
    /// As the model likes.
    case auto
    /// Always, whichever tool it is.
    case required
    /// Always, and this tool.
    case function(String)
}

/// What the content of an answer must be.
public enum ResponseFormat: Sendable, Equatable {
    /// Anything.
    case text
    /// Any JSON object.
    case jsonObject
    /// JSON that satisfies this schema.
    case jsonSchema(JSONValue)
}

/// How an answer may begin, as far as thinking goes.
public enum ThinkingMode: Sendable, Equatable {
    /// With the answer itself.
    case off
    /// Inside the thinking: the prompt has opened it already.
    case opened
    /// With the opening tag or with the answer, as the model likes.
    case optional
}
