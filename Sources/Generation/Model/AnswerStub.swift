public import OrderedJSON
public struct ToolDefinition: Sendable { public let name: String
  public init(name: String, description: String?, parameters: JSONValue?, strict: Bool) { self.name = name } }
public enum ToolChoice: Sendable { case none, auto, required, function(String) }
public enum ResponseFormat: Sendable { case text, jsonObject, jsonSchema(JSONValue) }
public struct GrammarError: Error { public let path = "", reason = "" }
public struct AnswerParser: Sendable { public init() {}
  public mutating func append(_ t: String) -> [AnswerPiece] { t.isEmpty ? [] : [.content(t)] }
  public mutating func finish() -> [AnswerPiece] { [] } }
extension LoadedModel { public func answerParser(prompt: [Int32], tools: [ToolDefinition]) -> AnswerParser { AnswerParser() } }
