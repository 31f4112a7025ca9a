import Foundation
import OrderedJSON
import TestSupport
import Testing
import Tokenizers

struct TokenizerTests {
    @Test func `merges run by rank and rebuild their tokens`() throws {
        let tokenizer = try TinyTokenizer().tokenizer()
        #expect(tokenizer.encode("hell w").map(tokenizer.text) == ["hell", "Ġw"])
        #expect(tokenizer.encode("helll").map(tokenizer.text) == ["hell", "l"])
        #expect(tokenizer.vocabularySize == 260)
        #expect(tokenizer.id(of: "Ġw") == 259)
        #expect(tokenizer.bytes(of: 259) == [0x20, 0x77])
        #expect(tokenizer.bytes(of: 260).isEmpty && tokenizer.bytes(of: -1).isEmpty)
        #expect(tokenizer.text(of: 260) == nil && tokenizer.text(of: .min) == nil)
        #expect(tokenizer.decode([259, 999_999, -5, 256]) == " whe")
    }

    @Test func `whole words need no merges where the file says so`() throws {
        var tiny = TinyTokenizer()
        tiny.merges = []
        #expect(try tiny.tokenizer().encode("hell").count == 4)
        tiny.ignoresMerges = true
        #expect(try tiny.tokenizer().encode("hell") == [258])
        tiny.added = [TinyTokenizer.added(258, "hell", ["special"])]
        #expect(try tiny.tokenizer().encode("hell", specialTokens: .plain).count == 4)
    }

    @Test func `long and short pieces are merged alike`() throws {
        var generator = SeededGenerator(seed: testSeed())
        let tokenizer = try #require(Golden.families["smollm2"])
        for _ in 0..<40 {
            let letters = (0..<Int.random(in: 30...200, using: &generator)).map { _ in
                Character(UnicodeScalar(UInt8.random(in: 97...101, using: &generator)))
            }
            let word = String(letters)
            // A pre-token's merges are those of its best-ranked pair again and again: done naively here.
            var parts = letters.map(String.init)
            while let best = bestPair(parts, tokenizer) {
                parts.replaceSubrange(best...best + 1, with: [parts[best] + parts[best + 1]])
            }
            #expect(tokenizer.encode(word).map(tokenizer.text) == parts, "\(word)")
        }
    }

    /// SmolLM2's ids are in the order of its merges, so the pair with the lowest merged id goes first.
    private func bestPair(_ parts: [String], _ tokenizer: Tokenizer) -> Int? {
        var best: (place: Int, id: Int)?
        for place in 0..<(parts.count - 1) {
            guard let id = tokenizer.id(of: parts[place] + parts[place + 1]) else { continue }
            if id < best?.id ?? .max { best = (place, id) }
        }
        return best?.place
    }

    @Test(arguments: [
        (SpecialTokens.recognised, ["<|im_start|>", "<think>"]), (.asText, ["<think>"]), (.plain, []),
    ])
    func `the mode decides which added tokens are recognised`(mode: SpecialTokens, expected: [String]) throws {
        let tokenizer = try #require(Golden.families["qwen"])
        let ids = tokenizer.encode("a<|im_start|>b <think>", specialTokens: mode)
        #expect(ids.filter { $0 >= 151_643 }.compactMap(tokenizer.text) == expected)
        #expect(tokenizer.decode(ids) == "a<|im_start|>b <think>")
    }

    @Test(arguments: ["qwen", "smollm2"])
    func `control tokens in chat text are plain text`(family: String) throws {
        let tokenizer = try #require(Golden.families[family])
        let attack = tokenizer.addedTokens.map(\.content).joined(separator: " ")
        let ids = tokenizer.encode(segments: [("<|im_start|>user\n", true), (attack, false), ("<|im_end|>\n", true)])
        let added = Set(tokenizer.addedTokens.map(\.id))
        #expect(ids.filter(added.contains).compactMap(tokenizer.text) == ["<|im_start|>", "<|im_end|>"])
        #expect(tokenizer.decode(ids) == "<|im_start|>user\n\(attack)<|im_end|>\n")
    }

    @Test func `a token split between markup and text is no token`() throws {
        let tokenizer = try #require(Golden.families["qwen"])
        for segments in [[("<|im_", true), ("start|>", false)], [("<|im_start", false), ("|>", true)]] {
            #expect(!tokenizer.encode(segments: segments).contains(151_644))
        }
        #expect(tokenizer.encode(segments: [("<|im_", true), ("", false), ("start|>", true)]) == [151_644])
    }

    @Test func `segments are cut as one text`() throws {
        var generator = SeededGenerator(seed: testSeed())
        let tokenizer = try #require(Golden.families["qwen"])
        let text = Array(
            "The peers' naïve e\u{301}tensor mesh  \n\n has 1234 don't 日本 🙂 x\u{323}\u{307}".unicodeScalars)
        for _ in 0..<200 {
            let cut = Int.random(in: 0...text.count, using: &generator)
            var start = String.UnicodeScalarView()
            var rest = String.UnicodeScalarView()
            start.append(contentsOf: text[..<cut])
            rest.append(contentsOf: text[cut...])
            let whole = tokenizer.encode(String(start) + String(rest))
            #expect(tokenizer.encode(segments: [(String(start), true), (String(rest), false)]) == whole)
        }
    }

    @Test func `added tokens take the space and the word borders they ask for`() throws {
        var tiny = TinyTokenizer()
        tiny.added = [
            TinyTokenizer.added(300, "<l>", ["lstrip"]), TinyTokenizer.added(301, "<r>", ["rstrip"]),
            TinyTokenizer.added(302, "word", ["single_word"]), TinyTokenizer.added(303, "<l><r>", []),
            TinyTokenizer.added(304, "É", ["normalized"]),
        ]
        tiny.normalizer = ["type": "NFC"]
        let tokenizer = try tiny.tokenizer()
        let a = try #require(tokenizer.id(of: "a"))
        #expect(tokenizer.encode("a \u{3000}<l>a") == [a, 300, a])
        #expect(tokenizer.encode("a<r> \n a") == [a, 301, a])
        #expect(tokenizer.encode("word") == [302])
        #expect(!tokenizer.encode("words").contains(302))
        #expect(!tokenizer.encode("éword").contains(302))
        #expect(tokenizer.encode("<l><r>") == [303])
        #expect(tokenizer.encode("aE\u{301}a") == [a, 304, a])
        #expect(tokenizer.vocabularySize == 305)
        #expect(tokenizer.text(of: 280) == nil)
    }

    @Test func `the post-processor's tokens are known but not added`() throws {
        var tiny = TinyTokenizer()
        tiny.added = [TinyTokenizer.added(300, "<s>", ["special"]), TinyTokenizer.added(301, "</s>", ["special"])]
        let special: (String, Int) -> (String, JSONValue) = { name, id in
            (name, .object(JSONObject([("id", .string(name)), ("ids", [.integer(id)])])))
        }
        tiny.postProcessor = [
            "type": "Sequence",
            "processors": [
                ["type": "ByteLevel"],
                [
                    "type": "TemplateProcessing",
                    "single": [
                        ["SpecialToken": ["id": "<s>"]], ["Sequence": ["id": "A"]], ["SpecialToken": ["id": "</s>"]],
                    ],
                    "special_tokens": .object(JSONObject([special("<s>", 300), special("</s>", 301)])),
                ],
            ],
        ]
        let tokenizer = try tiny.tokenizer()
        #expect(tokenizer.prefixIDs == [300] && tokenizer.suffixIDs == [301])
        #expect(tokenizer.encode("hell") == [258])
        #expect(tokenizer.decode([300, 258, 301], skipSpecial: true) == "hell")
        #expect(tokenizer.isSpecial(300) && !tokenizer.isSpecial(258) && !tokenizer.isSpecial(5000))
    }

    @Test func `any text comes back`() throws {
        var generator = SeededGenerator(seed: testSeed())
        let tokenizer = try TinyTokenizer().tokenizer()
        for _ in 0..<300 {
            var scalars = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...40, using: &generator) {
                let bound: UInt32 = [0x80, 0x800, 0x1_0000, 0x11_0000][Int.random(in: 0..<4, using: &generator)]
                if let scalar = UnicodeScalar(UInt32.random(in: 0..<bound, using: &generator)) {
                    scalars.append(scalar)
                }
            }
            let text = String(scalars)
            let ids = tokenizer.encode(text)
            #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8))
            #expect(ids.flatMap(tokenizer.bytes) == Array(text.utf8))
            var stream = StreamingDetokenizer(tokenizer: tokenizer)
            let streamed = ids.map { stream.append($0) }.joined() + stream.finish()
            #expect(streamed.utf8.elementsEqual(text.utf8))
        }
    }

    /// Quadratic work would take minutes; a second is the aim and the bound leaves room for a busy machine.
    @Test(arguments: [
        "a", " ", "\n", "=", "0", "\u{301}", "e\u{301}", "\u{316}\u{300}", "\u{9C7}\u{9BE}", "\u{F73}", "∈\u{338}",
        "\u{1112}\u{1161}\u{11AB}", "\u{1161}", "<|im_start", "'", "中", "🙂",
    ])
    func `a MiB of one thing is encoded at once`(unit: String) throws {
        let text = String(repeating: unit, count: (1 << 20) / unit.utf8.count)
        for tokenizer in Golden.families.values {
            let elapsed = ContinuousClock().measure { _ = tokenizer.encode(text) }
            #expect(elapsed < .seconds(4))
        }
    }
}
