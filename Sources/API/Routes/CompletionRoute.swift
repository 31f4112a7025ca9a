import Checkpoints
import Generation
import Hummingbird
import OrderedJSON
import Providers

/// `POST /v1/completions`.
struct CompletionRoute: Sendable {
    let state: ServerState

    func add(to router: Router<ConnectionContext>) {
        router.post("/v1/completions") { request, context in try await answer(request, context) }
    }

    private func answer(_ request: Request, _ context: ConnectionContext) async throws -> Response {
        var request = request
        let object = try await state.body(of: &request)
        let model = try await state.model(for: object, request)
        let completion = try CompletionRequest(object, vocabularySize: model.config.vocabSize)
        let run = CompletionRun(completion, model: model)
        let headers = state.headers(unused: completion.unused)
        let events = try run.start()
        if completion.head.streams {
            return EventStream.response(to: context, headers: headers) { emit in
                var offsets = [Int](repeating: 0, count: run.choices)
                var usage = UsageSum()
                try await run.follow(events) { event in
                    await emit(
                        run.envelope([
                            run.json(
                                choice: event.choice, text: event.text, reports: event.reports,
                                offset: offsets[event.choice],
                                finish: event.finish?.0)
                        ]))
                    offsets[event.choice] += event.text.unicodeScalars.count
                    if let used = event.finish?.1 {
                        usage.add(used, isNewPrompt: event.choice % run.choicesPerPrompt == 0)
                    }
                }
                if completion.head.includesUsage { await emit(run.envelope([], usage: usage.json)) }
            }
        }
        let whole = try await context.whileConnected { try await collect(run, events) }
        return .json(whole, headers: headers)
    }

    private func collect(_ run: CompletionRun, _ events: [AsyncStream<GenerationEvent>]) async throws -> JSONValue {
        var texts = [String](repeating: "", count: run.choices)
        var reports = [[TokenReport]](repeating: [], count: run.choices)
        var finishes = [FinishReason?](repeating: nil, count: run.choices)
        var usage = UsageSum()
        try await run.follow(events) { event in
            texts[event.choice] += event.text
            reports[event.choice] += event.reports
            if let (reason, used) = event.finish {
                finishes[event.choice] = reason
                usage.add(used, isNewPrompt: event.choice % run.choicesPerPrompt == 0)
            }
        }
        let choices = texts.indices.map { index in
            run.json(choice: index, text: texts[index], reports: reports[index], offset: 0, finish: finishes[index])
        }
        return run.envelope(choices, usage: usage.json)
    }
}
