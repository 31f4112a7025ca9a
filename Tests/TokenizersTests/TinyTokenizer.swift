import OrderedJSON
import Tokenizers

/// A tokenizer.json small enough to be broken on purpose: the 256 bytes, a few merges, some added tokens.
struct TinyTokenizer {
    var merges: [JSONValue] = ["h e", "l l", ["he", "ll"], "Ġ w"]
    var extraTokens = ["he", "ll", "hell", "Ġw"]
    var added: [JSONValue] = []
    var ignoresMerges = false
    var normalizer: JSONValue = .null
    var postProcessor: JSONValue = .null
    var preTokenizer: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true]
    /// Members of `model` that replace the usual ones.
    var model: [(String, JSONValue)] = []

    /// The character of GPT-2's alphabet for a byte, written down a second time as the file format's definition has it.
    static func character(_ byte: Int) -> String {
        let printable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
        if printable { return String(UnicodeScalar(UInt8(byte))) }
        let spare = (0..<byte).filter { !((0x21...0x7E).contains($0) || (0xA1...0xAC).contains($0) || $0 >= 0xAE) }
        return UnicodeScalar(0x100 + spare.count).map { String(Character($0)) } ?? ""
    }

    var tokens: [String] { (0..<256).map(Self.character) + extraTokens }

    var json: JSONObject {
        let vocabulary = JSONObject(tokens.enumerated().map { ($1, .integer($0)) })
        var model = JSONObject([
            ("type", "BPE"), ("ignore_merges", .bool(ignoresMerges)), ("vocab", .object(vocabulary)),
            ("merges", .array(merges)),
        ])
        for (key, value) in self.model { model[key] = value }
        return JSONObject([
            ("added_tokens", .array(added)), ("normalizer", normalizer), ("pre_tokenizer", preTokenizer),
            ("post_processor", postProcessor), ("decoder", ["type": "ByteLevel"]), ("model", .object(model)),
        ])
    }

    var bytes: [UInt8] { JSONValue.object(json).serializedBytes }

    func tokenizer() throws(TokenizerError) -> Tokenizer { try Tokenizer(huggingFaceJSON: bytes) }

    static func added(_ id: Int, _ content: String, _ flags: [String] = []) -> JSONValue {
        var token = JSONObject([("id", .integer(id)), ("content", .string(content))])
        for flag in flags { token[flag] = true }
        return .object(token)
    }
}

/// The variables of a template.
func variables(_ value: JSONValue) -> JSONObject { value.object ?? JSONObject() }
