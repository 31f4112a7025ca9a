import Foundation
import OrderedJSON
import TestSupport
import Testing
import Tokenizers

struct TokenizerFaultTests {
    @Test func `a file of 256 MiB is refused unread`() {
        let bytes = [UInt8](repeating: 0x20, count: 256 << 20)
        #expect(throws: TokenizerError.tooLarge(bytes: 256 << 20, limit: Tokenizer.maximumFileBytes)) {
            try Tokenizer(huggingFaceJSON: bytes)
        }
    }

    @Test func `a file a thousand levels deep is refused`() {
        let text = String(repeating: "{\"model\":", count: 1000) + "0" + String(repeating: "}", count: 1000)
        #expect(throws: TokenizerError.self) { try Tokenizer(huggingFaceJSON: Array(text.utf8)) }
    }

    @Test(arguments: ["(a+)+$", "", "'s|'t| ?\\p{L}+", ".*"])
    func `a pattern that is not known is named and never compiled`(pattern: String) {
        var tiny = TinyTokenizer()
        tiny.preTokenizer = [
            "type": "Sequence",
            "pretokenizers": [
                ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated", "invert": false],
                ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false],
            ],
        ]
        #expect(throws: TokenizerError.unknownPattern(pattern)) { try tiny.tokenizer() }
        #expect(TokenizerError.unknownPattern(pattern).description.contains("unknown pattern '\(pattern)'"))
    }

    private static let faults: [(String, @Sendable (inout TinyTokenizer) -> Void)] = [
        ("a merge of unknown tokens", { $0.merges.append("zz y") }),
        ("a merge whose result is no token", { $0.merges.append("a b") }),
        ("a merge of one", { $0.merges.append("a") }),
        ("a merge of three", { $0.merges.append(["a", "b", "c"]) }),
        ("a merge of numbers", { $0.merges.append([1, 2]) }),
        ("merges missing", { $0.model.append(("merges", .null)) }),
        ("an empty vocabulary", { $0.model.append(("vocab", [:])) }),
        ("a negative id", { $0.model.append(("vocab", ["a": -1])) }),
        ("an id of 2^62", { $0.model.append(("vocab", ["a": .integer(1 << 62)])) }),
        ("half an id", { $0.model.append(("vocab", ["a": 1.5])) }),
        ("an id as text", { $0.model.append(("vocab", ["a": "1"])) }),
        ("two tokens with one id", { $0.model.append(("vocab", ["a": 1, "b": 1])) }),
        ("another model", { $0.model.append(("type", "Unigram")) }),
        ("byte fallback", { $0.model.append(("byte_fallback", true)) }),
        ("dropout", { $0.model.append(("dropout", 0.1)) }),
        ("word ends", { $0.model.append(("end_of_word_suffix", "</w>")) }),
        ("another normalizer", { $0.normalizer = ["type": "NFKC"] }),
        (
            "a normalizer sequence with another",
            { $0.normalizer = ["type": "Sequence", "normalizers": [["type": "NFD"]]] }
        ),
        ("no pre-tokenizer", { $0.preTokenizer = .null }),
        ("another pre-tokenizer", { $0.preTokenizer = ["type": "Metaspace"] }),
        ("an empty sequence", { $0.preTokenizer = ["type": "Sequence", "pretokenizers": []] }),
        ("a prefix space", { $0.preTokenizer = ["type": "ByteLevel", "add_prefix_space": true] }),
        ("another post-processor", { $0.postProcessor = ["type": "BertProcessing"] }),
        ("an added token without content", { $0.added = [["id": 300]] }),
        ("an added token without id", { $0.added = [["content": "x"]] }),
        ("an empty added token", { $0.added = [TinyTokenizer.added(300, "")] }),
        (
            "an added token of 5000 bytes",
            { $0.added = [TinyTokenizer.added(300, String(repeating: "x", count: 5000))] }
        ),
        ("an added token in another's place", { $0.added = [TinyTokenizer.added(5, "<s>")] }),
        ("an added token far away", { $0.added = [TinyTokenizer.added(1 << 40, "<s>")] }),
    ]

    @Test(arguments: faults.indices)
    func `faulty files are refused`(fault: Int) {
        var tiny = TinyTokenizer()
        Self.faults[fault].1(&tiny)
        #expect(throws: TokenizerError.self, "\(Self.faults[fault].0)") { try tiny.tokenizer() }
    }

    @Test func `every prefix of a file is refused`() {
        let bytes = TinyTokenizer().bytes
        for count in stride(from: 0, to: bytes.count, by: 7) {
            #expect(throws: TokenizerError.self) { try Tokenizer(huggingFaceJSON: Array(bytes[..<count])) }
        }
    }

    @Test func `flipped bytes give an error or a tokenizer that works`() throws {
        var generator = SeededGenerator(seed: testSeed())
        var tiny = TinyTokenizer()
        tiny.added = [
            TinyTokenizer.added(300, "<s>", ["special", "lstrip"]), TinyTokenizer.added(301, "é", ["normalized"]),
        ]
        let bytes = tiny.bytes
        for _ in 0..<3000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                damaged[Int.random(in: 0..<bytes.count, using: &generator)] ^= UInt8.random(
                    in: 1...255, using: &generator)
            }
            guard let tokenizer = try? Tokenizer(huggingFaceJSON: damaged) else { continue }
            let ids = tokenizer.encode("hell <s> wé\u{301}ll 🙂")
            #expect(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
            _ = tokenizer.decode(ids)
        }
    }
}
