/// Turns ids that come one by one into text, never half a character.
public struct StreamingDetokenizer: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecial: Bool
    private var assembler = UTF8Assembler()

    /// A detokeniser for one answer; with `skipSpecial` control tokens give no text.
    public init(tokenizer: Tokenizer, skipSpecial: Bool = true) {
        self.tokenizer = tokenizer
        skipsSpecial = skipSpecial
    }

    /// The text that is certain once `id` is there; empty while a character is incomplete.
    public mutating func append(_ id: Int) -> String {
        if skipsSpecial, tokenizer.isSpecial(id) { return "" }
        return assembler.append(tokenizer.vocabulary.content(of: id))
    }

    /// The rest at the end: empty, or U+FFFD for a character that was not completed.
    public mutating func finish() -> String { assembler.finish() }
}
