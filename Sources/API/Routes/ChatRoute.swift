import Checkpoints
import Generation
import Hummingbird
import OrderedJSON
import Providers

/// `POST /v1/chat/completions`.
struct ChatRoute: Sendable {
    let state: ServerState

    func add(to router: Router<ConnectionContext>) {
        router.post("/v1/chat/completions") { request, context in try await answer(request, context) }
    }

    private func answer(_ request: Request, _ context: ConnectionContext) async throws -> Response {
        var request = request
        let object = try await state.body(of: &request)
        let model = try await state.model(for: object, request)
        let chat = try ChatRequest(object, vocabularySize: model.config.vocabSize)
        let run = try ChatRun(chat, model: model)
        let answer = ChatAnswer(model: model, choices: chat.sampling.choices, wantsLogprobs: chat.topLogprobs != nil)
        let headers = state.headers(unused: chat.unused)
        let events = try run.start()
        if chat.head.streams {
            return EventStream.response(to: context, headers: headers) { emit in
                var answer = answer
                for opening in answer.openings { await emit(opening) }
                try await run.follow(events) { event in
                    for chunk in answer.take(event) { await emit(chunk) }
                }
                if chat.head.includesUsage { await emit(answer.usageChunk) }
            }
        }
        let whole = try await context.whileConnected {
            var answer = answer
            try await run.follow(events) { event in _ = answer.take(event) }
            return answer.whole
        }
        return .json(whole, headers: headers)
    }
}
