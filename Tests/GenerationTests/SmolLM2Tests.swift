import Checkpoints
import Foundation
import Generation
import LanguageModels
import OrderedJSON
import Tensors
import Testing
import Tokenizers

/// The starter model against transformers in float32 on the same file (golden/smollm2).
@Suite(.enabled(if: StarterModel.path != nil, "script/starter fetches the model"))
struct SmolLM2Tests {
    private static func golden() throws -> JSONValue {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/golden/smollm2/golden.json")
        return try JSONValue(parsing: [UInt8](Data(contentsOf: url)), limits: .file)
    }

    @Test func `greedy answers are the oracle's up to its first near tie`() async throws {
        let model = try StarterModel.load()
        let golden = try Self.golden()
        for prompt in golden["prompts"]?.array ?? [] {
            let expected = prompt["greedy"]?.array?.compactMap(\.integer) ?? []
            let margins = prompt["margin"]?.array?.compactMap(\.double) ?? []
            #expect(expected.count == margins.count && !expected.isEmpty)
            let message: JSONValue = ["role": "user", "content": prompt["user"] ?? ""]
            let tokens = try ChatPrompt(messages: [message]).tokens(for: model, template: try #require(model.template))
            #expect(tokens.map { Int($0) } == prompt["ids"]?.array?.compactMap(\.integer))
            var request = GenerationRequest(prompt: tokens)
            request.sampling.temperature = 0
            request.maxTokens = expected.count
            request.ignoresEnd = true
            var found: [Int] = []
            for await event in try model.engine.generate(request) {
                if case .token(let report, _) = event { found.append(Int(report.id)) }
            }
            let certain = margins.firstIndex { $0 < 0.5 } ?? margins.count
            #expect(Array(found.prefix(certain)) == Array(expected.prefix(certain)))
        }
    }

    /// KL is taken over the oracle's 24 kept rows of scores; log-probabilities of all next tokens are compared besides.
    @Test func `distributions of the next token lie within 0.005 of the oracle's`() throws {
        let golden = try Self.golden()
        let ids = golden["ids"]?.array?.compactMap { $0.integer.flatMap { Int32(exactly: $0) } } ?? []
        let expected = golden["next_logprob"]?.array?.compactMap(\.double) ?? []
        let rows = try #require(try StarterModel.scores(of: ids))
        let kept = try SafetensorsRows(path: "smollm2/golden.safetensors")
        var divergences: [Double] = []
        for (position, logits) in kept.rows {
            let p = logSoftmax(logits), q = logSoftmax(rows[position])
            divergences.append(zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) })
        }
        let mean = divergences.reduce(0, +) / Double(divergences.count)
        #expect(divergences.count == 24)
        #expect(mean <= 0.005)
        let found = (0..<expected.count).map { logSoftmax(rows[$0])[Int(ids[$0 + 1])] }
        let drift = zip(found, expected).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(expected.count)
        #expect(drift < 0.1)
        print("mean KL \(mean), mean |Δ log p| \(drift)")
    }
}

func logSoftmax(_ row: [Float]) -> [Double] {
    let largest = Double(row.max() ?? 0)
    let total = log(row.reduce(0) { $0 + exp(Double($1) - largest) })
    return row.map { Double($0) - largest - total }
}

/// Rows named `logits.<position>` of a safetensors file, half precision, read by hand.
struct SafetensorsRows {
    let rows: [(position: Int, logits: [Float])]

    init(path: String) throws {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/golden/\(path)")
        let bytes = [UInt8](try Data(contentsOf: url))
        let length = bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONValue(parsing: Array(bytes[8..<8 + length]), limits: .file).object ?? JSONObject()
        rows = header.entries.compactMap { entry in
            guard entry.key.hasPrefix("logits."), let position = Int(entry.key.dropFirst(7)),
                let offsets = entry.value["data_offsets"]?.array?.compactMap(\.integer), offsets.count == 2
            else { return nil }
            let values = stride(from: 8 + length + offsets[0], to: 8 + length + offsets[1], by: 2).map { at in
                Float(halfBits: UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8)
            }
            return (position, values)
        }
    }
}
