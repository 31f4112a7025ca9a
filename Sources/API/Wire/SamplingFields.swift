import Generation
import OrderedJSON

/// The members that say how tokens are chosen and when to stop: the same for chat and completions.
struct SamplingFields {
    var sampling = SamplingParameters()
    var maxTokens: Int?
    var minTokens = 0
    var stop: [String] = []
    var stopTokenIDs: Set<Int32> = []
    var ignoresEnd = false
    var choices = 1

    /// - Parameter fewestTokens: what `max_tokens` must be at least; 0 only where the prompt itself is scored.
    init(_ fields: inout Fields, vocabularySize: Int, fewestTokens: Int = 1) throws(APIError) {
        sampling.temperature = try fields.number("temperature", in: 0...2) ?? 1
        sampling.topP = try fields.number("top_p", in: 0...1) ?? 1
        sampling.topK = max(0, try fields.integer("top_k", in: -1...RequestLimits.tokens) ?? 0)
        sampling.minP = try fields.number("min_p", in: 0...1) ?? 0
        sampling.repetitionPenalty = try fields.number("repetition_penalty", in: 0.01...10) ?? 1
        sampling.frequencyPenalty = try fields.number("frequency_penalty", in: -2...2) ?? 0
        sampling.presencePenalty = try fields.number("presence_penalty", in: -2...2) ?? 0
        sampling.seed = try fields.integer("seed", in: .min ... .max).map { UInt64(bitPattern: Int64($0)) }
        sampling.logitBias = try Self.logitBias(&fields, vocabularySize: vocabularySize)
        // A top_p of 0 leaves the best token alone.
        if sampling.topP == 0 { sampling.topK = 1 }
        let newName = try fields.integer("max_completion_tokens", in: 1...RequestLimits.tokens)
        maxTokens = try fields.integer("max_tokens", in: fewestTokens...RequestLimits.tokens)
        maxTokens = newName ?? maxTokens
        minTokens = try fields.integer("min_tokens", in: 0...RequestLimits.tokens) ?? 0
        if let maxTokens, minTokens > maxTokens {
            throw .invalid(
                "'min_tokens' is \(minTokens), more than the \(maxTokens) tokens permitted", param: "min_tokens")
        }
        stop = try Self.stops(&fields)
        stopTokenIDs = try Self.stopTokens(&fields, vocabularySize: vocabularySize)
        ignoresEnd = try fields.bool("ignore_eos") ?? false
        choices = try fields.integer("n", in: 1...RequestLimits.choices) ?? 1
    }

    /// A request for choice number `choice`; with a seed each choice gets its own out of it.
    func request(prompt: [Int32], choice: Int) -> GenerationRequest {
        var request = GenerationRequest(prompt: prompt)
        request.sampling = sampling
        if let seed = sampling.seed { request.sampling.seed = seed &+ UInt64(choice) &* 0x9E37_79B9 }
        request.maxTokens = maxTokens
        request.minTokens = minTokens
        request.stop = stop
        request.stopTokenIDs = stopTokenIDs
        request.ignoresEnd = ignoresEnd
        return request
    }

    private static func stops(_ fields: inout Fields) throws(APIError) -> [String] {
        guard let value = fields.value("stop") else { return [] }
        let stops = value.string.map { [$0] } ?? value.array?.compactMap(\.string)
        guard let stops, value.array.map({ $0.count == stops.count }) ?? true else {
            throw Fields.wrong("stop", value, expected: "a string or an array of strings")
        }
        guard stops.count <= RequestLimits.stops, stops.allSatisfy({ $0.utf8.count <= RequestLimits.stopBytes }) else {
            throw .invalid(
                "'stop' may hold \(RequestLimits.stops) texts of \(RequestLimits.stopBytes) bytes each", param: "stop")
        }
        return stops
    }

    private static func stopTokens(_ fields: inout Fields, vocabularySize: Int) throws(APIError) -> Set<Int32> {
        guard let values = try fields.array("stop_token_ids") else { return [] }
        var ids: Set<Int32> = []
        guard values.count <= 256 else { throw .invalid("'stop_token_ids' may hold 256 ids", param: "stop_token_ids") }
        for value in values {
            guard let id = value.integer, id >= 0, id < vocabularySize, let id = Int32(exactly: id) else {
                throw Fields.wrong("stop_token_ids", value, expected: "ids from 0 to \(vocabularySize - 1)")
            }
            ids.insert(id)
        }
        return ids
    }

    private static func logitBias(_ fields: inout Fields, vocabularySize: Int) throws(APIError) -> [Int32: Float] {
        guard let object = try fields.object("logit_bias") else { return [:] }
        guard object.count <= 1024 else { throw .invalid("'logit_bias' may hold 1024 tokens", param: "logit_bias") }
        var bias: [Int32: Float] = [:]
        for (key, value) in object.entries {
            guard let id = Int(key), id >= 0, id < vocabularySize, let token = Int32(exactly: id) else {
                throw .invalid("'logit_bias' names '\(key.prefix(32))', which is no token id", param: "logit_bias")
            }
            guard let number = value.double, (-100...100).contains(number) else {
                throw Fields.wrong("logit_bias", value, expected: "numbers from -100 to 100")
            }
            bias[token] = Float(number)
        }
        return bias
    }
}
