/// How added tokens that stand in a text are taken.
public enum SpecialTokens: Sendable {
    /// All of them are recognised.
    case recognised
    /// Control tokens are text; added tokens that are not special (`<think>`) are recognised.
    case asText
    /// None is recognised: everything is text.
    case plain
}

/// Byte-level BPE: text to ids and back. A value to copy freely; all work is done on tables that never change.
public struct Tokenizer: Sendable {
    let vocabulary: Vocabulary
    let encoder: BytePairEncoder
    let preTokenizer: PreTokenizer
    /// Whether text between added tokens is brought to Unicode's form NFC.
    let normalizes: Bool
    /// Finds added tokens in the text as given.
    let rawFinder: AddedTokenFinder
    /// Finds those that are sought in normalised text.
    let normalizedFinder: AddedTokenFinder
    /// The tokens that are recognised as a whole, by id.
    public let addedTokens: [AddedToken]
    /// Ids that belong before a text that is not rendered by a chat template: `[bos]` or nothing.
    public let prefixIDs: [Int]
    /// Ids that belong behind such a text: an embedding model's end token, mostly nothing.
    public let suffixIDs: [Int]

    init(
        vocabulary: Vocabulary, encoder: BytePairEncoder, preTokenizer: PreTokenizer, normalizes: Bool,
        addedTokens: [AddedToken], prefixIDs: [Int], suffixIDs: [Int]
    ) {
        self.vocabulary = vocabulary
        self.encoder = encoder
        self.preTokenizer = preTokenizer
        self.normalizes = normalizes
        self.addedTokens = addedTokens.sorted { $0.id < $1.id }
        rawFinder = AddedTokenFinder(addedTokens.filter { !$0.isNormalized })
        normalizedFinder = AddedTokenFinder(addedTokens.filter(\.isNormalized))
        self.prefixIDs = prefixIDs
        self.suffixIDs = suffixIDs
    }

    /// One more than the highest id; an embedding may have more rows.
    public var vocabularySize: Int { vocabulary.count }

    /// The text of `ids`; bytes that are no UTF-8 become U+FFFD, ids beyond the vocabulary nothing.
    public func decode(_ ids: [Int], skipSpecial: Bool = false) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(ids.count * 4)
        for id in ids where !(skipSpecial && isSpecial(id)) { bytes.append(contentsOf: vocabulary.content(of: id)) }
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var assembler = UTF8Assembler()
        return assembler.append(bytes) + assembler.finish()
    }

    /// The bytes that `id` stands for: a special token's content, nothing beyond the vocabulary.
    public func bytes(of id: Int) -> [UInt8] { Array(vocabulary.content(of: id)) }

    /// Whether `id` is a control token.
    public func isSpecial(_ id: Int) -> Bool {
        vocabulary.kinds.indices.contains(id) && vocabulary.kinds[id] == .special
    }

    /// The id of a token as the vocabulary writes it: `Ġthe`, `<|im_end|>`.
    public func id(of token: String) -> Int? { vocabulary.id(of: Array(token.utf8)) }

    /// The token as the vocabulary writes it; nil for a hole and beyond the vocabulary.
    public func text(of id: Int) -> String? {
        guard vocabulary.kinds.indices.contains(id), vocabulary.kinds[id] != .absent else { return nil }
        return String(decoding: vocabulary.text(of: id), as: UTF8.self)
    }
}
