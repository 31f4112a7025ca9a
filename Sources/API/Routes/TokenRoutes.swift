import Checkpoints
import Generation
import Hummingbird
import OrderedJSON
import Providers
import Tokenizers

/// `POST /v1/tokenize` and `/v1/detokenize`; a conversation can be tokenised as its template renders it.
struct TokenRoutes: Sendable {
    let state: ServerState

    func add(to router: Router<ConnectionContext>) {
        router.post("/v1/tokenize") { request, _ in try await tokenize(request) }
        router.post("/v1/detokenize") { request, _ in try await detokenize(request) }
    }

    private func tokenize(_ request: Request) async throws -> Response {
        var request = request
        let object = try await state.body(of: &request)
        let model = try await state.model(for: object, request)
        let tokens: [Int]
        if object["messages"] != nil {
            let chat = try ChatRequest(object, vocabularySize: model.config.vocabSize)
            tokens = try ChatRun.prompt(of: chat, model: model).map { Int($0) }
        } else {
            var fields = Fields(object)
            guard let text = try fields.string("prompt") ?? fields.string("content") else {
                throw APIError.invalid("'prompt' or 'messages' is missing", param: "prompt")
            }
            let addsPrefix = try fields.bool("add_special_tokens") ?? true
            tokens = (addsPrefix ? model.tokenizer.prefixIDs : []) + model.tokenizer.encode(text)
        }
        return .json([
            "tokens": .array(tokens.map { .integer($0) }), "count": .integer(tokens.count),
            "max_model_len": .integer(model.engine.options.contextTokens),
        ])
    }

    private func detokenize(_ request: Request) async throws -> Response {
        var request = request
        let object = try await state.body(of: &request)
        let model = try await state.model(for: object, request)
        var fields = Fields(object)
        guard let values = try fields.array("tokens") else {
            throw APIError.invalid("'tokens' is missing", param: "tokens")
        }
        let ids = try values.map { value in
            guard let id = value.integer, id >= 0, id < model.config.vocabSize else {
                throw Fields.wrong("tokens", value, expected: "token ids from 0 to \(model.config.vocabSize - 1)")
            }
            return id
        }
        return .json(["prompt": .string(model.tokenizer.decode(ids))])
    }
}
