import Checkpoints
import Testing

@Suite struct GGUFVocabularyTests {
    @Test func `a vocabulary is read with its types, merges and ids`() throws {
        var file = TinyModels.llama()
        file["tokenizer.ggml.add_bos_token"] = .bool(false)
        file["tokenizer.ggml.bos_token_id"] = .uint32(3)
        file["tokenizer.chat_template"] = .string("{{ messages }}")
        let checkpoint = try Self.open(file)
        guard case .gguf(let vocabulary)? = checkpoint.tokenizer else {
            Issue.record("no vocabulary")
            return
        }
        #expect(vocabulary.tokens == TinyModels.tokens)
        #expect(vocabulary.types[4] == .control && vocabulary.types[0] == .normal)
        #expect(vocabulary.merges == ["a b"] && vocabulary.pre == "qwen2" && vocabulary.addBOS == false)
        #expect(checkpoint.config.bosTokenID == 3 && checkpoint.config.eosTokenIDs == [4])
        #expect(checkpoint.specialTokens == ["bos_token": "c", "eos_token": "<|im_end|>"])
        #expect(checkpoint.chatTemplate == "{{ messages }}")
    }

    @Test func `an answer also ends with the turn's token and with known control tokens`() throws {
        var file = TinyModels.llama()
        file["tokenizer.ggml.eos_token_id"] = .uint32(5)
        file["tokenizer.ggml.eot_token_id"] = .uint32(6)
        #expect(try Self.open(file).config.eosTokenIDs == [5, 6, 4])
        // A text that only looks like one is no end.
        file["tokenizer.ggml.token_type"] = .int32s([1, 1, 1, 1, 1, 1, 1, 1])
        #expect(try Self.open(file).config.eosTokenIDs == [5, 6])
    }

    @Test func `G11 arrays of another type are refused`() {
        let wrong: [(key: String, value: GGUFBuilder.Value)] = [
            ("scores", .array(0, count: 8, Array(repeating: 0, count: 8))),
            ("token_type", .array(1, count: 8, Array(repeating: 1, count: 8))),
            ("tokens", .int32s([0, 1, 2, 3, 4, 5, 6, 7])),
            ("merges", .int32s([0])), ("tokens", .string("a")), ("pre", .uint32(1)), ("add_bos_token", .uint32(1)),
        ]
        for (key, value) in wrong {
            var file = TinyModels.llama()
            file["tokenizer.ggml.\(key)"] = value
            expectFault("tokenizer.ggml.\(key)") { _ = try Self.open(file) }
        }
    }

    @Test func `G11 unequal lengths, and a vocabulary unlike the embedding, are refused`() {
        let wrong: [(key: String, value: GGUFBuilder.Value)] = [
            ("token_type", .int32s([1, 1])), ("scores", .float32s([1, 2])), ("tokens", .strings(["a", "b", "ab"])),
            ("tokens", .strings([])), ("token_type", .int32s([1, 1, 1, 1, 9, 1, 1, 1])),
        ]
        for (key, value) in wrong {
            var file = TinyModels.llama()
            file["tokenizer.ggml.\(key)"] = value
            expectFault("tokenizer.ggml.\(key)") { _ = try Self.open(file) }
        }
        var file = TinyModels.llama()
        file["llama.vocab_size"] = .uint32(9)
        expectFault("llama.vocab_size", "9") { _ = try Self.open(file) }
    }

    @Test(arguments: ["bos", "eos", "eot", "padding", "unknown"])
    func `G11 a special id that is negative or beyond the vocabulary is refused`(name: String) {
        let key = "tokenizer.ggml.\(name)_token_id"
        for value: GGUFBuilder.Value in [.int32(-1), .uint32(8), .uint64(.max), .uint32(.max), .float32(1)] {
            var file = TinyModels.llama()
            file[key] = value
            expectFault(key) { _ = try Self.open(file) }
        }
    }

    @Test func `a token that is no UTF-8 is refused`() {
        var file = TinyModels.llama()
        file["tokenizer.ggml.tokens"] = .array(
            8, count: 8, TinyModels.tokens.dropLast().flatMap { counted(Array($0.utf8)) } + counted([0xC3]))
        expectFault("tokenizer.ggml.tokens", "UTF-8") { _ = try Self.open(file) }
    }

    @Test func `another kind of tokeniser is refused by name`() {
        var file = TinyModels.llama()
        file["tokenizer.ggml.model"] = .string("llama")
        expectFault("tokenizer.ggml.model", "'llama'") { _ = try Self.open(file) }
    }

    static func open(_ file: GGUFBuilder) throws -> Checkpoint {
        try Checkpoint(ggufBytes: file.bytes(), name: "model.gguf")
    }
}
