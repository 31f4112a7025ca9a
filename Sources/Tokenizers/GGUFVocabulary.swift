/// A vocabulary as GGUF metadata holds it, under `tokenizer.ggml.`.
public struct GGUFVocabulary: Sendable {
    /// `tokens`: the place is the id.
    public var tokens: [String]
    /// `token_type`: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte; empty means all normal.
    public var types: [Int]
    /// `merges`: two tokens with a space between, the first merged first.
    public var merges: [String]
    /// `pre`: the name of the pre-tokeniser, such as `qwen2`.
    public var preTokenizer: String
    /// `add_bos_token`; where absent, Llama 3's pre-tokeniser means true.
    public var addsBeginning: Bool?
    /// `add_eos_token`.
    public var addsEnd: Bool?
    /// `bos_token_id`.
    public var beginningID: Int?
    /// `eos_token_id`.
    public var endID: Int?
    /// `padding_token_id`.
    public var paddingID: Int?

    /// A vocabulary of these parts; nothing is checked yet.
    public init(
        tokens: [String], types: [Int], merges: [String], preTokenizer: String, addsBeginning: Bool? = nil,
        addsEnd: Bool? = nil, beginningID: Int? = nil, endID: Int? = nil, paddingID: Int? = nil
    ) {
        self.tokens = tokens
        self.types = types
        self.merges = merges
        self.preTokenizer = preTokenizer
        self.addsBeginning = addsBeginning
        self.addsEnd = addsEnd
        self.beginningID = beginningID
        self.endID = endID
        self.paddingID = paddingID
    }
}
