import OrderedJSON

extension GGUFVocabulary {
    private static let prefix = "tokenizer.ggml."

    /// Reads `tokenizer.ggml.*`.
    /// - Parameter rows: the embedding's rows, one for each token.
    /// - Throws: ``CheckpointError`` for wrong types, unequal lengths, ids beyond the vocabulary, merges without
    ///   tokens, and tokenisers of another kind.
    init(_ metadata: GGUFMetadata, rows: Int) throws(CheckpointError) {
        let model = try metadata.requiredString(Self.prefix + "model")
        guard model == "gpt2" else {
            throw .unsupported(
                metadata.file, Self.prefix + "model", expected: "'gpt2', byte-level BPE",
                found: CheckpointError.quoted(model))
        }
        guard let array = try metadata.array(Self.prefix + "tokens") else {
            throw .malformed(metadata.file, Self.prefix + "tokens", expected: "this key")
        }
        guard array.count == rows else {
            throw .inconsistent(
                metadata.file, Self.prefix + "tokens", expected: "one token for each of the embedding's \(rows) rows",
                found: "\(array.count)")
        }
        tokens = try array.strings()
        types = try Self.types(metadata, count: rows)
        try Self.checkScores(metadata, count: rows)
        merges = try metadata.array(Self.prefix + "merges")?.strings() ?? []
        pre = try metadata.string(Self.prefix + "pre") ?? "default"
        addBOS = try metadata.bool(Self.prefix + "add_bos_token")
        bosTokenID = try Self.id("bos_token_id", metadata, count: rows)
        eosTokenID = try Self.id("eos_token_id", metadata, count: rows)
        eotTokenID = try Self.id("eot_token_id", metadata, count: rows)
        padTokenID = try Self.id("padding_token_id", metadata, count: rows)
        unknownTokenID = try Self.id("unknown_token_id", metadata, count: rows)
    }

    /// The texts of the special tokens, under the names of `tokenizer_config.json`.
    var specialTokens: [String: String] {
        let ids = [
            "bos_token": bosTokenID, "eos_token": eosTokenID, "pad_token": padTokenID, "unk_token": unknownTokenID,
        ]
        return ids.compactMapValues { $0.map { tokens[$0] } }
    }

    private static func id(_ name: String, _ metadata: GGUFMetadata, count: Int) throws(CheckpointError) -> Int? {
        guard let id = try metadata.integer(prefix + name) else { return nil }
        guard (0..<count).contains(id) else {
            throw .malformed(metadata.file, prefix + name, expected: "an id from 0 to \(count - 1)", found: "\(id)")
        }
        return id
    }

    private static func types(_ metadata: GGUFMetadata, count: Int) throws(CheckpointError) -> [TokenType] {
        let key = prefix + "token_type"
        guard let array = try metadata.array(key) else { return Array(repeating: .normal, count: count) }
        guard array.count == count else {
            throw .malformed(metadata.file, key, expected: "one for each of \(count) tokens", found: "\(array.count)")
        }
        var types: [TokenType] = []
        types.reserveCapacity(count)
        for number in try array.integers(storedAs: .int32, .uint32) {
            guard let type = TokenType(rawValue: number) else {
                throw .malformed(metadata.file, key, expected: "types from 0 to 6", found: "\(number)")
            }
            types.append(type)
        }
        return types
    }

    /// Byte-level BPE has no use for scores, but a file in which they are wrong is not to be trusted.
    private static func checkScores(_ metadata: GGUFMetadata, count: Int) throws(CheckpointError) {
        let key = prefix + "scores"
        guard let array = try metadata.array(key) else { return }
        guard array.elementType == .float32, array.count == count else {
            throw .malformed(
                metadata.file, key, expected: "an array of \(count) float32", found: GGUFValue.array(array).shown)
        }
    }
}
