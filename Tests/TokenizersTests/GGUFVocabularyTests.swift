import Foundation
import OrderedJSON
import Testing
import Tokenizers

struct GGUFVocabularyTests {
    /// What a converter writes for the tokenizer.json at `path`, with `padding` rows behind.
    private func converted(_ path: String, pre: String, padding: Int = 3) throws -> GGUFVocabulary {
        let file = try Golden.json(path)
        var rows: [Int: (String, Int)] = [:]
        for entry in file["model"]?["vocab"]?.object?.entries ?? [] { rows[entry.value.integer ?? -1] = (entry.key, 1) }
        for token in file["added_tokens"]?.array ?? [] {
            let type = token["special"]?.bool == true ? 3 : 4
            rows[token["id"]?.integer ?? -1] = (token["content"]?.string ?? "", type)
        }
        let count = (rows.keys.max() ?? 0) + 1 + padding
        let merges = (file["model"]?["merges"]?.array ?? []).map { merge in
            merge.string ?? (merge.array ?? []).compactMap(\.string).joined(separator: " ")
        }
        return GGUFVocabulary(
            tokens: (0..<count).map { rows[$0]?.0 ?? "[PAD\($0)]" }, types: (0..<count).map { rows[$0]?.1 ?? 5 },
            merges: merges, preTokenizer: pre, addsBeginning: false, beginningID: 0)
    }

    @Test(arguments: [("qwen", "qwen2"), ("smollm2", "smollm")])
    func `ids are those of the tokenizer file`(family: String, pre: String) throws {
        let tokenizer = try Tokenizer(gguf: try converted("tokenizer/\(family)/tokenizer.json", pre: pre))
        let reference = try #require(Golden.families[family])
        #expect(tokenizer.vocabularySize == reference.vocabularySize + 3)
        var compared = 0
        for line in try Golden.lines("tokenizer/cases-base.jsonl") where line["tokenizer"]?.string == family {
            let text = try #require(line["text"]?.string)
            let mode = line["special"]?.bool == true ? SpecialTokens.recognised : .asText
            let ids = tokenizer.encode(text, specialTokens: mode)
            #expect(ids == line["ids"]?.array?.compactMap(\.integer))
            #expect(tokenizer.decode(ids).utf8.elementsEqual(reference.decode(ids).utf8))
            compared += 1
        }
        #expect(compared == 276)
    }

    @Test func `rows that only fill up are neither found in text nor written`() throws {
        let vocabulary = try converted("lm/qwen3/tokenizer.json", pre: "qwen2")
        let tokenizer = try Tokenizer(gguf: vocabulary)
        let padding = try #require(vocabulary.types.firstIndex(of: 5))
        #expect(!tokenizer.encode(vocabulary.tokens[padding]).contains(padding))
        #expect(tokenizer.decode([padding]) == "")
        #expect(tokenizer.text(of: padding) == vocabulary.tokens[padding])
    }

    @Test(
        arguments: [
            ("qwen2", nil, []), ("llama-bpe", nil, [7]), ("llama-bpe", false, []), ("qwen2", true, [7]),
        ] as [(String, Bool?, [Int])])
    func `the beginning is prepended where flag or family says so`(pre: String, flag: Bool?, expected: [Int]) throws {
        var vocabulary = try converted("lm/qwen3/tokenizer.json", pre: pre)
        vocabulary.addsBeginning = flag
        vocabulary.beginningID = 7
        vocabulary.addsEnd = true
        vocabulary.endID = 9
        let tokenizer = try Tokenizer(gguf: vocabulary)
        #expect(tokenizer.prefixIDs == expected && tokenizer.suffixIDs == [9])
    }

    private static let faults: [(String, @Sendable (inout GGUFVocabulary) -> Void)] = [
        (
            "no tokens",
            {
                $0.tokens = []
                $0.types = []
            }
        ),
        ("unequal lengths", { $0.types.removeLast() }),
        ("a type that does not exist", { $0.types[3] = 7 }),
        ("a negative type", { $0.types[3] = .min }),
        ("a merge of an unknown token", { $0.merges[0] = "zzz y" }),
        ("a merge whose result is no token", { $0.merges[0] = "! \"" }),
        ("a merge of one", { $0.merges[0] = "Ġa" }),
        ("a merge of three", { $0.merges[0] = "Ġ a b" }),
        ("an empty merge", { $0.merges[0] = "" }),
        ("bos beyond the vocabulary", { $0.beginningID = $0.tokens.count }),
        ("a negative eos", { $0.endID = -1 }),
        ("padding far beyond", { $0.paddingID = .max }),
        ("an unknown pre-tokenizer", { $0.preTokenizer = "(a+)+$" }),
        (
            "too many tokens",
            {
                $0.tokens = Array(repeating: "x", count: 1 << 22 + 1)
                $0.types = []
            }
        ),
        (
            "a control token of a MiB",
            {
                $0.tokens[4] = String(repeating: "x", count: 1 << 20)
                $0.types[4] = 3
            }
        ),
    ]

    @Test(arguments: faults.indices)
    func `faulty vocabularies are refused`(fault: Int) throws {
        var vocabulary = try converted("lm/qwen3/tokenizer.json", pre: "qwen2")
        Self.faults[fault].1(&vocabulary)
        #expect(throws: TokenizerError.self, "\(Self.faults[fault].0)") { try Tokenizer(gguf: vocabulary) }
    }
}
