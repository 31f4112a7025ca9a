import Foundation
import Generation
import OrderedJSON
import Tokenizers

/// One text completion on its way: every prompt times `n` choices.
struct CompletionRun: Sendable {
    /// A stretch of a choice's text.
    struct Event: Sendable {
        let choice: Int
        let text: String
        let reports: [TokenReport]
        let finish: (FinishReason, GenerationUsage)?
    }

    let id = "cmpl-\(Identifier.random())"
    let created = Int(Date().timeIntervalSince1970)
    let model: LoadedModel
    let choicesPerPrompt: Int
    private let requests: [GenerationRequest]
    private let wantsLogprobs: Bool
    private let echoes: Bool

    init(_ completion: CompletionRequest, model: LoadedModel) {
        self.model = model
        choicesPerPrompt = completion.sampling.choices
        wantsLogprobs = completion.topLogprobs != nil
        echoes = completion.echoes
        requests = completion.prompts.flatMap { prompt in
            let tokens: [Int32] =
                switch prompt {
                case .tokens(let ids): ids
                case .text(let text):
                    (model.tokenizer.prefixIDs + model.tokenizer.encode(text)).compactMap { Int32(exactly: $0) }
                }
            return (0..<completion.sampling.choices).map { choice in
                var request = completion.sampling.request(prompt: tokens, choice: choice)
                request.topLogprobs = completion.topLogprobs
                request.reportsPrompt = completion.echoes && completion.topLogprobs != nil
                return request
            }
        }
    }

    var choices: Int { requests.count }

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
        var opening = ""
        if echoes { opening = model.tokenizer.decode(requests[choice].prompt.map { Int($0) }) }
        for await event in stream {
            switch event {
            case .embedding: break
            case .prompt(let reports):
                await emit(Event(choice: choice, text: opening, reports: reports, finish: nil))
                opening = ""
            case .token(let report, let text):
                await emit(Event(choice: choice, text: opening + text, reports: [report], finish: nil))
                opening = ""
            case .finished(let reason, let text, let usage):
                await emit(Event(choice: choice, text: opening + text, reports: [], finish: (reason, usage)))
            case .failed(let error): throw error
            }
        }
    }

    /// One choice as OpenAI's API reference shapes it.
    func json(choice: Int, text: String, reports: [TokenReport], offset: Int, finish: FinishReason?) -> JSONValue {
        [
            "index": .integer(choice), "text": .string(text),
            "logprobs": wantsLogprobs ? LogprobFields.completion(reports, model.tokenizer, offset: offset) : .null,
            "finish_reason": finish.map { .string($0 == .length ? "length" : "stop") } ?? .null,
        ]
    }

    /// An answer, or a chunk of one, around `choices`.
    func envelope(_ choices: [JSONValue], usage: JSONValue? = nil) -> JSONValue {
        var object: JSONObject = [
            "id": .string(id), "object": "text_completion", "created": .integer(created), "model": .string(model.id),
            "choices": .array(choices),
        ]
        if let usage { object["usage"] = usage }
        return .object(object)
    }
}
