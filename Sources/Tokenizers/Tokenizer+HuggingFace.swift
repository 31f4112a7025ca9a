import OrderedJSON

extension Tokenizer {
    /// The largest tokenizer.json that is read.
    public static let maximumFileBytes = 64 << 20
    /// Ids must lie below this; the largest vocabularies have a few hundred thousand.
    static let maximumVocabularySize = 1 << 22
    static let maximumAddedTokens = 1 << 17
    static let maximumAddedTokenBytes = 1 << 12

    /// A tokeniser from the bytes of a Hugging Face `tokenizer.json`.
    /// - Throws: ``TokenizerError``, where the file is too large, damaged, no byte-level BPE, or its pattern unknown.
    public init(huggingFaceJSON bytes: [UInt8]) throws(TokenizerError) {
        guard bytes.count <= Self.maximumFileBytes else {
            throw .tooLarge(bytes: bytes.count, limit: Self.maximumFileBytes)
        }
        let file: JSONValue
        do {
            file = try JSONValue(parsing: bytes, limits: JSONLimits.file)
        } catch {
            throw .invalidJSON(error.description)
        }
        guard let model = file["model"]?.object else { throw .malformed(field: "model", reason: "is missing") }
        try Self.checkModel(model)
        guard file["decoder"]?["type"]?.string == "ByteLevel" else {
            throw .unsupported(
                field: "decoder", found: "'\(file["decoder"]?["type"]?.string?.prefix(64) ?? "missing")'")
        }
        let normalizes = try Self.normalizes(file["normalizer"])
        let preTokenizer = try PreTokenizer(huggingFace: file["pre_tokenizer"])
        let added = try Self.addedTokens(file["added_tokens"])
        let rows = try Self.rows(model["vocab"], added)
        let byteTable = ByteTable(rows: rows, unknown: model["unk_token"]?.string)
        let vocabulary = Vocabulary(rows: rows)
        let encoder = BytePairEncoder(
            byteIDs: byteTable.ids, merges: try Self.merges(model["merges"], vocabulary),
            takesWholeWords: model["ignore_merges"]?.bool ?? false, vocabulary: vocabulary)
        let frame = try Self.frame(file["post_processor"], size: rows.count)
        self.init(
            vocabulary: vocabulary, encoder: encoder, preTokenizer: preTokenizer, normalizes: normalizes,
            addedTokens: added, prefixIDs: frame.prefix, suffixIDs: frame.suffix)
    }

    private static func checkModel(_ model: JSONObject) throws(TokenizerError) {
        guard let type = model["type"]?.string, type == "BPE" else {
            throw .unsupported(field: "model.type", found: "'\(model["type"]?.string?.prefix(64) ?? "missing")'")
        }
        if model["byte_fallback"]?.bool == true { throw .unsupported(field: "model.byte_fallback", found: "true") }
        if let dropout = model["dropout"]?.double, dropout != 0 {
            throw .unsupported(field: "model.dropout", found: "\(dropout)")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard let text = model[key]?.string, !text.isEmpty else { continue }
            throw .unsupported(field: "model.\(key)", found: "'\(text.prefix(64))'")
        }
    }

    private static func normalizes(_ value: JSONValue?) throws(TokenizerError) -> Bool {
        guard let value, !value.isNull else { return false }
        switch value["type"]?.string {
        case "NFC": return true
        case "Sequence":
            var found = false
            for step in value["normalizers"]?.array ?? [] {
                guard step["type"]?.string == "NFC" else { break }
                found = true
            }
            if found || value["normalizers"]?.array?.isEmpty == true { return found }
        default: break
        }
        throw .unsupported(field: "normalizer", found: "'\(value["type"]?.string?.prefix(64) ?? value.kind[...])'")
    }

    private static func addedTokens(_ value: JSONValue?) throws(TokenizerError) -> [AddedToken] {
        guard let value, !value.isNull else { return [] }
        guard let entries = value.array, entries.count <= maximumAddedTokens else {
            throw .malformed(field: "added_tokens", reason: "is no list of at most \(maximumAddedTokens) tokens")
        }
        var tokens: [AddedToken] = []
        for (place, entry) in entries.enumerated() {
            let id = try checkedID(entry["id"], "added_tokens[\(place)].id")
            guard let content = entry["content"]?.string, !content.isEmpty, content.utf8.count <= maximumAddedTokenBytes
            else {
                throw .malformed(
                    field: "added_tokens[\(place)].content",
                    reason: "is not 1 to \(maximumAddedTokenBytes) bytes of text")
            }
            func flag(_ name: String) -> Bool { entry[name]?.bool ?? false }
            tokens.append(
                AddedToken(
                    id: id, content: content, isSpecial: flag("special"), takesSpaceBefore: flag("lstrip"),
                    takesSpaceAfter: flag("rstrip"), isSingleWord: flag("single_word"), isNormalized: flag("normalized")
                ))
        }
        return tokens
    }

    private static func checkedID(_ value: JSONValue?, _ field: String) throws(TokenizerError) -> Int {
        guard let id = value?.integer, id >= 0, id < maximumVocabularySize else {
            throw .malformed(field: field, reason: "is no id from 0 to \(maximumVocabularySize - 1)")
        }
        return id
    }

    /// The rows of vocabulary and added tokens together, by id.
    private static func rows(
        _ value: JSONValue?, _ added: [AddedToken]
    ) throws(TokenizerError) -> [(text: String, kind: TokenKind)] {
        guard let entries = value?.object?.entries, !entries.isEmpty else {
            throw .malformed(field: "model.vocab", reason: "is missing or empty")
        }
        var highest = added.map(\.id).max() ?? 0
        for entry in entries { highest = max(highest, try checkedID(entry.value, "model.vocab")) }
        var rows = [(text: String, kind: TokenKind)](repeating: ("", .absent), count: highest + 1)
        for entry in entries {
            guard let id = entry.value.integer, rows[id].kind == .absent else {
                throw .malformed(field: "model.vocab", reason: "gives two tokens the same id")
            }
            rows[id] = (entry.key, .ordinary)
        }
        for token in added {
            let text = rows[token.id].text
            guard rows[token.id].kind == .absent || text.utf8.elementsEqual(token.content.utf8) else {
                throw .malformed(field: "added_tokens", reason: "gives id \(token.id) to two different tokens")
            }
            rows[token.id] = (token.content, token.isSpecial ? .special : .added)
        }
        return rows
    }

    private static func merges(
        _ value: JSONValue?, _ vocabulary: Vocabulary
    ) throws(TokenizerError) -> MergeTable {
        guard let entries = value?.array else { throw .malformed(field: "model.merges", reason: "is no list") }
        var builder = MergeBuilder(vocabulary: vocabulary, count: entries.count)
        for entry in entries {
            if let text = entry.string {
                try builder.add(text)
            } else if let pair = entry.array, pair.count == 2, let left = pair[0].string, let right = pair[1].string {
                try builder.add(left, right)
            } else {
                throw .malformed(field: "model.merges", reason: "has an entry that is no pair of tokens")
            }
        }
        return builder.table
    }

    /// The ids that a post-processor puts before and behind a text.
    private static func frame(
        _ value: JSONValue?, size: Int
    ) throws(TokenizerError) -> (prefix: [Int], suffix: [Int]) {
        guard let value, !value.isNull else { return ([], []) }
        var prefix: [Int] = []
        var suffix: [Int] = []
        let steps = value["type"]?.string == "Sequence" ? value["processors"]?.array ?? [] : [value]
        for step in steps {
            switch step["type"]?.string {
            case "ByteLevel": continue
            case "TemplateProcessing":
                var isBehind = false
                for part in step["single"]?.array ?? [] {
                    if part["Sequence"] != nil { isBehind = true }
                    guard let name = part["SpecialToken"]?["id"]?.string else { continue }
                    for value in step["special_tokens"]?[name]?["ids"]?.array ?? [] {
                        let id = try checkedID(value, "post_processor")
                        guard id < size else {
                            throw .malformed(field: "post_processor", reason: "names id \(id) beyond the vocabulary")
                        }
                        if isBehind { suffix.append(id) } else { prefix.append(id) }
                    }
                }
            case let other:
                throw .unsupported(field: "post_processor", found: "'\(other?.prefix(64) ?? "without a type")'")
            }
        }
        return (prefix, suffix)
    }
}
