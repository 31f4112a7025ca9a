public struct GrammarError: Error { public let path = "", reason = "" }
public struct AnswerParser: Sendable {
    public init() {}
    public mutating func append(_ t: String) -> [AnswerPiece] { t.isEmpty ? [] : [.content(t)] }
    public mutating func finish() -> [AnswerPiece] { [] }
}
extension LoadedModel {
    public func answerParser(prompt: [Int32], tools: [ToolDefinition]) -> AnswerParser { AnswerParser() }
}
