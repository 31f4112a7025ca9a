/// Why a vocabulary is not taken.
public enum TokenizerError: Error, Equatable, Sendable {
    /// The file is larger than is read at all.
    case tooLarge(bytes: Int, limit: Int)
    /// The file is no JSON.
    case invalidJSON(String)
    /// A part of the file is missing or contradicts another one.
    case malformed(field: String, reason: String)
    /// A well-formed part belongs to another kind of tokenizer than the byte-level BPE that is taken.
    case unsupported(field: String, found: String)
    /// The pre-tokeniser's pattern or name is none of those written by hand here; patterns are never compiled.
    case unknownPattern(String)
}

extension TokenizerError: CustomStringConvertible {
    /// What is wrong, where, and what to do.
    public var description: String {
        switch self {
        case .tooLarge(let bytes, let limit):
            "the tokenizer file has \(bytes) bytes, more than the \(limit) that are read: use the model's original file"
        case .invalidJSON(let reason):
            "the tokenizer file cannot be read (\(reason)): fetch it again"
        case .malformed(let field, let reason):
            "the tokenizer's \(field) \(reason): the file is damaged or was converted wrongly, fetch it again"
        case .unsupported(let field, let found):
            "the tokenizer's \(field) is \(found), which is not supported: use a model with a byte-level BPE tokenizer"
        case .unknownPattern(let pattern):
            "unknown pattern '\(pattern.prefix(200))' in the pre-tokenizer: known are those of gpt-2, smollm, qwen2 and "
                + "llama-bpe (Llama 3)"
        }
    }
}
