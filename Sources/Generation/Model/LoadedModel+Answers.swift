import Tokenizers

extension LoadedModel {
    /// How an answer to `prompt` begins: the template may have opened the thinking, or closed it at once.
    func thinkingMode(prompt: [Int32]) -> ThinkingMode {
        guard let tags = answerFormat.thinking else { return .off }
        // The tags stand at the very end, behind which only blanks may follow.
        let end = tokenizer.decode(prompt.suffix(16).map { Int($0) })
        let text = String(end.reversed().drop { $0.isWhitespace }.reversed())
        return text.hasSuffix(tags.open) ? .opened : text.hasSuffix(tags.close) ? .off : .optional
    }

    /// What splits an answer to `prompt` into thinking, content and calls of `tools`.
    public func answerParser(prompt: [Int32], tools: [ToolDefinition]) -> AnswerParser {
        AnswerParser(format: answerFormat, tools: tools, startsInThinking: thinkingMode(prompt: prompt) == .opened)
    }

    /// What an answer to `prompt` must look like, if the request demands anything; call it for each choice, since it
    /// follows one answer.
    /// - Throws: ``GrammarError`` if the schema or a tool's parameters can't be kept.
    public func answerConstraint(
        prompt: [Int32], toolChoice: ToolChoice, tools: [ToolDefinition], parallel: Bool, responseFormat: ResponseFormat
    ) throws(GrammarError) -> (any TokenConstraint)? {
        try AnswerConstraint.make(
            format: answerFormat, toolChoice: toolChoice, tools: tools, parallel: parallel,
            responseFormat: responseFormat,
            thinking: thinkingMode(prompt: prompt), vocabulary: vocabulary, endTokens: endTokens, cache: grammars)
    }
}
