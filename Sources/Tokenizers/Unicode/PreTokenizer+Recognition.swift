import OrderedJSON

extension PreTokenizer {
    private static let gpt2Pattern =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    private static let modernStart = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"#
    private static let modernRest = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// The pre-tokeniser that a tokenizer.json describes: recognised by its structure and its pattern's exact text.
    init(huggingFace value: JSONValue?) throws(TokenizerError) {
        guard let value, let steps = Self.steps(value) else {
            throw .malformed(field: "pre_tokenizer", reason: "is missing or has no known structure")
        }
        for step in steps where step["type"]?.string == "ByteLevel" {
            guard step["add_prefix_space"]?.bool != true else {
                throw .unsupported(field: "pre_tokenizer.add_prefix_space", found: "true")
            }
        }
        let shapes = steps.map { step in
            switch step["type"]?.string {
            case "ByteLevel": step["use_regex"]?.bool == false ? "bytes" : "gpt2"
            case "Digits": step["individual_digits"]?.bool == true ? "digits" : "digit groups"
            case let other: other ?? "?"
            }
        }
        switch shapes {
        case ["gpt2"]: self = .gpt2
        case ["digits", "gpt2"]: self = .smollm
        case ["Split", "bytes"]: self = try Self.split(steps[0])
        default:
            throw .unsupported(field: "pre_tokenizer", found: "'\(shapes.joined(separator: ", then ").prefix(200))'")
        }
    }

    private static func steps(_ value: JSONValue) -> [JSONObject]? {
        guard let object = value.object, let type = object["type"]?.string else { return nil }
        guard type == "Sequence" else { return [object] }
        let steps = object["pretokenizers"]?.array?.map(\.object)
        guard let steps, !steps.isEmpty, !steps.contains(where: { $0 == nil }) else { return nil }
        return steps.compactMap { $0 }
    }

    private static func split(_ step: JSONObject) throws(TokenizerError) -> PreTokenizer {
        guard let pattern = step["pattern"]?["Regex"]?.string else {
            throw .malformed(field: "pre_tokenizer", reason: "splits without a regular expression")
        }
        guard step["behavior"]?.string == "Isolated", step["invert"]?.bool != true else {
            throw .unsupported(field: "pre_tokenizer.behavior", found: "not 'Isolated'")
        }
        if pattern == gpt2Pattern { return .gpt2 }
        if pattern == modernStart + #"\p{N}"# + modernRest { return .qwen2 }
        if pattern == modernStart + #"\p{N}{1,3}"# + modernRest { return .llama3 }
        throw .unknownPattern(pattern)
    }

    /// The pre-tokeniser that `tokenizer.ggml.pre` names.
    init(ggmlName name: String) throws(TokenizerError) {
        switch name {
        case "gpt-2": self = .gpt2
        case "smollm": self = .smollm
        case "qwen2": self = .qwen2
        case "llama-bpe", "llama3", "llama-v3": self = .llama3
        default: throw .unknownPattern(name)
        }
    }
}
