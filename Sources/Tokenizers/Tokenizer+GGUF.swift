extension Tokenizer {
    /// A tokeniser from GGUF metadata.
    /// - Throws: ``TokenizerError``, where lists don't fit each other, a merge names no token, an id lies beyond the
    ///   vocabulary, or the pre-tokeniser's name is unknown.
    public init(gguf: GGUFVocabulary) throws(TokenizerError) {
        let preTokenizer = try PreTokenizer(ggmlName: gguf.preTokenizer)
        let count = gguf.tokens.count
        guard count > 0, count <= Self.maximumVocabularySize else {
            throw .malformed(
                field: "tokenizer.ggml.tokens", reason: "has \(count) entries, not 1 to \(Self.maximumVocabularySize)")
        }
        guard gguf.types.isEmpty || gguf.types.count == count else {
            throw .malformed(
                field: "tokenizer.ggml.token_type", reason: "has \(gguf.types.count) entries for \(count) tokens")
        }
        let named = [("bos", gguf.beginningID), ("eos", gguf.endID), ("padding", gguf.paddingID)]
        for case (let name, let id?) in named where !(0..<count).contains(id) {
            throw .malformed(
                field: "tokenizer.ggml.\(name)_token_id", reason: "is \(id), beyond the vocabulary of \(count) tokens")
        }
        var rows: [(text: String, kind: TokenKind)] = []
        var added: [AddedToken] = []
        rows.reserveCapacity(count)
        for (id, text) in gguf.tokens.enumerated() {
            let kind = try Self.kind(type: gguf.types.isEmpty ? 1 : gguf.types[id], of: id)
            rows.append((text, kind))
            guard kind == .special || kind == .added, !text.isEmpty else { continue }
            guard text.utf8.count <= Self.maximumAddedTokenBytes, added.count < Self.maximumAddedTokens else {
                throw .malformed(
                    field: "tokenizer.ggml.tokens[\(id)]", reason: "is too long or one added token too many")
            }
            added.append(AddedToken(id: id, content: text, isSpecial: kind == .special))
        }
        let byteTable = ByteTable(rows: rows, unknown: nil)
        let vocabulary = Vocabulary(rows: rows)
        var builder = MergeBuilder(vocabulary: vocabulary, count: gguf.merges.count)
        for merge in gguf.merges { try builder.add(merge) }
        let encoder = BytePairEncoder(
            byteIDs: byteTable.ids, merges: builder.table, takesWholeWords: preTokenizer == .llama3,
            vocabulary: vocabulary)
        let addsBeginning = gguf.addsBeginning ?? (preTokenizer == .llama3)
        // The file does not say so, but Qwen's models were trained on text in form NFC.
        self.init(
            vocabulary: vocabulary, encoder: encoder, preTokenizer: preTokenizer, normalizes: preTokenizer == .qwen2,
            addedTokens: added, prefixIDs: addsBeginning ? [gguf.beginningID].compactMap { $0 } : [],
            suffixIDs: gguf.addsEnd == true ? [gguf.endID].compactMap { $0 } : [])
    }

    private static func kind(type: Int, of id: Int) throws(TokenizerError) -> TokenKind {
        switch type {
        case 1, 6: .ordinary
        case 2, 3: .special
        case 4: .added
        case 5: .unused
        default: throw .malformed(field: "tokenizer.ggml.token_type[\(id)]", reason: "is \(type), not 1 to 6")
        }
    }
}
