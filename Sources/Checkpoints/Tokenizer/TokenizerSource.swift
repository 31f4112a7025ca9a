/// What a tokeniser is made from.
public enum TokenizerSource: Sendable {
    /// A `tokenizer.json`; not read yet.
    case huggingFace(tokenizerJSON: CheckpointFile)
    /// The vocabulary inside a GGUF file.
    case gguf(GGUFVocabulary)
}

/// A byte-level BPE vocabulary out of a GGUF file's metadata: checked ids, and merges whose parts and results exist.
public struct GGUFVocabulary: Sendable {
    /// The kinds of token, by their numbers in the file.
    public enum TokenType: Int, Sendable {
        case undefined = 0
        case normal = 1
        case unknown = 2
        /// Never part of a text: ends a turn, starts a message.
        case control = 3
        case userDefined = 4
        case unused = 5
        case byte = 6
    }

    /// The tokens by id, in the byte-level alphabet of GPT-2.
    public let tokens: [String]
    /// The kind of each token.
    public let types: [TokenType]
    /// Pairs to merge, best first, as "left right".
    public let merges: [String]
    /// The name of the rule that splits texts before merging, such as `qwen2`.
    public let pre: String
    /// Whether texts start with the token ``bosTokenID``; `nil` if the file doesn't say.
    public let addBOS: Bool?
    /// The id that starts a text.
    public let bosTokenID: Int?
    /// The id that ends a text.
    public let eosTokenID: Int?
    /// The id that ends a turn, where that differs.
    public let eotTokenID: Int?
    /// The id that fills batches.
    public let padTokenID: Int?
    /// The id for what has no token.
    public let unknownTokenID: Int?

    /// Ids that end an answer: those that the file names, then control tokens that are known to.
    public var endTokenIDs: [Int] {
        let known: Set<String> = ["<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|end_of_text|>"]
        var ids: [Int] = []
        for id in [eosTokenID, eotTokenID].compactMap(\.self) where !ids.contains(id) { ids.append(id) }
        for (id, type) in types.enumerated() where type == .control && known.contains(tokens[id]) {
            // Each name once: a hostile file may have a million tokens of the same one.
            if ids.count < known.count + 2, !ids.contains(id) { ids.append(id) }
        }
        return ids
    }
}
