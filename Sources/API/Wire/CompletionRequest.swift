import OrderedJSON

/// A text completion as a client asks for it, checked.
struct CompletionRequest {
    /// A prompt as text or as token ids.
    enum Prompt {
        case text(String)
        case tokens([Int32])
    }

    let head: RequestHead
    let prompts: [Prompt]
    let echoes: Bool
    let sampling: SamplingFields
    let topLogprobs: Int?
    let unused: [String]

    init(_ object: JSONObject, vocabularySize: Int) throws(APIError) {
        var fields = Fields(object)
        head = try RequestHead(&fields)
        echoes = try fields.bool("echo") ?? false
        topLogprobs = try fields.integer("logprobs", in: 0...RequestLimits.topLogprobs)
        var sampling = try SamplingFields(&fields, vocabularySize: vocabularySize, fewestTokens: echoes ? 0 : 1)
        // OpenAI's default for this route.
        if sampling.maxTokens == nil { sampling.maxTokens = 16 }
        self.sampling = sampling
        if let best = try fields.integer("best_of", in: 1...RequestLimits.choices), best != sampling.choices {
            throw .invalid("'best_of' must equal 'n' here", param: "best_of")
        }
        if let suffix = try fields.string("suffix"), !suffix.isEmpty {
            throw .invalid("'suffix' isn't supported; use the model's own fill-in-the-middle tokens", param: "suffix")
        }
        prompts = try Self.prompts(&fields, "prompt", vocabularySize: vocabularySize, limit: RequestLimits.prompts)
        _ = fields.value("user")
        unused = fields.unused
    }

    /// A string, several, ids, or several lists of ids.
    static func prompts(_ fields: inout Fields, _ name: String, vocabularySize: Int, limit: Int) throws(APIError)
        -> [Prompt]
    {
        guard let value = fields.value(name) else { throw .invalid("'\(name)' is missing", param: name) }
        if let text = value.string { return [.text(text)] }
        guard let values = value.array, let first = values.first else {
            throw Fields.wrong(name, value, expected: "a string, an array of strings, or token ids")
        }
        if first.integer != nil { return [.tokens(try ids(values, name, vocabularySize: vocabularySize))] }
        guard values.count <= limit else {
            throw .invalid("'\(name)' may hold \(limit) texts, not \(values.count)", param: name)
        }
        var prompts: [Prompt] = []
        for value in values {
            if let text = value.string {
                prompts.append(.text(text))
            } else if let tokens = value.array {
                prompts.append(.tokens(try ids(tokens, name, vocabularySize: vocabularySize)))
            } else {
                throw Fields.wrong(name, value, expected: "strings, or arrays of token ids")
            }
        }
        return prompts
    }

    private static func ids(_ values: [JSONValue], _ name: String, vocabularySize: Int) throws(APIError) -> [Int32] {
        var ids: [Int32] = []
        ids.reserveCapacity(values.count)
        for value in values {
            guard let id = value.integer, id >= 0, id < vocabularySize, let id = Int32(exactly: id) else {
                throw Fields.wrong(name, value, expected: "token ids from 0 to \(vocabularySize - 1)")
            }
            ids.append(id)
        }
        guard !ids.isEmpty else { throw .invalid("'\(name)' has no tokens", param: name) }
        return ids
    }
}
