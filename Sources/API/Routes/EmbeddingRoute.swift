import Checkpoints
import Foundation
import Generation
import Hummingbird
import OrderedJSON
import Providers
import Tokenizers

/// `POST /v1/embeddings`: the mean of the decoder's final hidden states, normalised to length 1.
struct EmbeddingRoute: Sendable {
    let state: ServerState

    func add(to router: Router<ConnectionContext>) {
        router.post("/v1/embeddings") { request, context in try await answer(request, context) }
    }

    private func answer(_ request: Request, _ context: ConnectionContext) async throws -> Response {
        var request = request
        let object = try await state.body(of: &request)
        let model = try await state.model(for: object, request)
        var fields = Fields(object)
        _ = fields.value("model")
        _ = fields.value("user")
        let format = try fields.string("encoding_format") ?? "float"
        guard format == "float" || format == "base64" else {
            throw Fields.wrong("encoding_format", .string(format), expected: "float or base64")
        }
        let dimensions = try fields.integer("dimensions", in: 1...model.config.hiddenSize)
        let inputs = try CompletionRequest.prompts(
            &fields, "input", vocabularySize: model.config.vocabSize, limit: RequestLimits.embeddingInputs)
        let tokens = inputs.map { input -> [Int32] in
            switch input {
            case .tokens(let ids): ids
            case .text(let text):
                (model.tokenizer.prefixIDs + model.tokenizer.encode(text) + model.tokenizer.suffixIDs)
                    .compactMap { Int32(exactly: $0) }
            }
        }
        let vectors = try await context.whileConnected { try await model.engine.embed(tokens) }
        let data = vectors.enumerated().map { index, vector -> JSONValue in
            let unit = Self.normalised(Array(vector.prefix(dimensions ?? vector.count)))
            return [
                "object": "embedding", "index": .integer(index),
                "embedding": format == "base64" ? .string(Self.base64(unit)) : .array(unit.map { .number(Double($0)) }),
            ]
        }
        let count = tokens.reduce(0) { $0 + $1.count }
        return .json(
            [
                "object": "list", "data": .array(data), "model": .string(model.id),
                "usage": ["prompt_tokens": .integer(count), "total_tokens": .integer(count)],
            ], headers: state.headers(unused: fields.unused))
    }

    private static func normalised(_ vector: [Float]) -> [Float] {
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return length > 0 ? vector.map { $0 / length } : vector
    }

    /// Little-endian f32, as the SDKs expect.
    private static func base64(_ vector: [Float]) -> String {
        let bytes = vector.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
        return Data(bytes).base64EncodedString()
    }
}
