import Generation
import OrderedJSON
import Tokenizers

/// One chat request on its way: its choices side by side, their text sorted into thinking, answer and tool calls.
struct ChatRun: Sendable {
    enum Event: Sendable {
        /// What came since the last event of that choice; `reports` are the tokens it is made of.
        case pieces(choice: Int, [AnswerPiece], reports: [TokenReport])
        /// A choice ended. `reasoningTokens` of its tokens were thinking.
        case finished(choice: Int, FinishReason, GenerationUsage, reasoningTokens: Int)
    }

    let model: LoadedModel
    let requests: [GenerationRequest]
    private let parser: AnswerParser

    init(_ chat: ChatRequest, model: LoadedModel) throws {
        let prompt = try Self.prompt(of: chat, model: model)
        self.model = model
        parser = model.answerParser(prompt: prompt, tools: chat.toolChoice.isNone ? [] : chat.tools)
        requests = try (0..<chat.sampling.choices).map { choice in
            var request = chat.sampling.request(prompt: prompt, choice: choice)
            request.topLogprobs = chat.topLogprobs
            request.constraint = try model.answerConstraint(
                prompt: prompt, toolChoice: chat.toolChoice, tools: chat.tools, parallel: chat.callsInParallel,
                responseFormat: chat.responseFormat)
            return request
        }
    }

    /// The conversation's tokens.
    static func prompt(of chat: ChatRequest, model: LoadedModel) throws -> [Int32] {
        guard let template = model.template else {
            throw APIError.invalid("the model '\(model.id)' has no chat template; use /v1/completions", param: "model")
        }
        do {
            return try chat.prompt.tokens(for: model, template: template)
        } catch let error as TemplateError {
            throw APIError.invalid("the model's chat template refuses these messages: \(error)", param: "messages")
        }
    }

    /// Hands all choices to the engine.
    /// - Throws: `EngineError` if it doesn't take them.
    func start() throws -> [AsyncStream<GenerationEvent>] { try requests.map { try model.engine.generate($0) } }

    /// Calls `body` with what comes, in order for each choice, until all have ended; see ``Choices/run(_:follow:_:)``.
    func follow(_ streams: [AsyncStream<GenerationEvent>], _ body: (Event) async throws -> Void) async throws {
        try await Choices.run(streams, follow: read, body)
    }

    @Sendable private func read(
        _ stream: AsyncStream<GenerationEvent>, _ choice: Int, _ emit: @Sendable (Event) async -> Void
    ) async throws {
        var parser = parser
        var reasoningTokens = 0
        /// Reports of tokens whose text is still held back.
        var held: [TokenReport] = []
        for await event in stream {
            switch event {
            case .prompt, .embedding: break
            case .token(let report, let text):
                held.append(report)
                let pieces = parser.append(text)
                guard !pieces.isEmpty else { continue }
                if pieces.allSatisfy({ if case .reasoning = $0 { true } else { false } }) {
                    reasoningTokens += held.count
                }
                await emit(.pieces(choice: choice, pieces, reports: held))
                held = []
            case .finished(let reason, let text, let usage):
                let pieces = parser.append(text) + parser.finish()
                if !pieces.isEmpty || !held.isEmpty { await emit(.pieces(choice: choice, pieces, reports: held)) }
                await emit(.finished(choice: choice, reason, usage, reasoningTokens: reasoningTokens))
            case .failed(let error): throw error
            }
        }
    }
}
