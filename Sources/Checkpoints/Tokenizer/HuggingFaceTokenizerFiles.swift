import OrderedJSON

/// What lies next to the weights in a Hugging Face folder: tokeniser, its special tokens, the chat template.
struct HuggingFaceTokenizerFiles {
    /// `nil` if there is no `tokenizer.json`, as next to a text encoder.
    let tokenizer: TokenizerSource?
    let chatTemplate: String?
    let specialTokens: [String: String]

    init(folder: String, arrival: Arrival?) throws(CheckpointError) {
        let path = "\(folder)/tokenizer.json"
        tokenizer =
            RegularFile.exists(path)
            ? .huggingFace(tokenizerJSON: try CheckpointFile(path: path, arrival: arrival)) : nil
        let config = try JSONFile.readIfPresent("\(folder)/tokenizer_config.json", arrival) ?? JSONObject()
        specialTokens = Self.specialTokens(config)
        // The separate file is the newer form and goes first, as in transformers.
        let template = "\(folder)/chat_template.jinja"
        if RegularFile.exists(template) {
            let file = try CheckpointFile(path: template, arrival: arrival)
            guard file.size <= 4 << 20, let text = String(validating: try file.contents(), as: UTF8.self) else {
                throw .malformed(file.name, "", expected: "at most 4 MiB of UTF-8", found: "\(file.size) bytes")
            }
            chatTemplate = text
        } else {
            chatTemplate = try Self.chatTemplate(config)
        }
    }

    /// All `…_token` members: texts, or objects with the text under `content`.
    private static func specialTokens(_ config: JSONObject) -> [String: String] {
        var tokens: [String: String] = [:]
        for (key, value) in config.entries where key.utf8.suffix(6).elementsEqual("_token".utf8) {
            if let text = value.string ?? value["content"]?.string { tokens[key] = text }
        }
        return tokens
    }

    /// One template, or the one named `default` of several.
    private static func chatTemplate(_ config: JSONObject) throws(CheckpointError) -> String? {
        switch config["chat_template"] {
        case nil, .null?: return nil
        case .string(let text)?: return text
        case .array(let templates)?:
            return templates.first { $0["name"]?.string == "default" }?["template"]?.string
        case let other?:
            throw .malformed(
                "tokenizer_config.json", "chat_template", expected: "a string or a list of named templates",
                found: "a JSON \(other.kind)")
        }
    }
}
