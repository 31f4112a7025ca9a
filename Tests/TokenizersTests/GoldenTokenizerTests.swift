import Foundation
import OrderedJSON
import Testing
import Tokenizers

/// Reads what `Tests/Fixtures/golden` holds.
enum Golden {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/golden")

    static func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appending(path: path)))
    }

    static func json(_ path: String) throws -> JSONValue {
        try JSONValue(parsing: try bytes(path), limits: .file)
    }

    static func lines(_ path: String) throws -> [JSONValue] {
        try bytes(path).split(separator: 0x0A).map { try JSONValue(parsing: Array($0), limits: .file) }
    }

    static func tokenizer(_ family: String) throws -> Tokenizer {
        try Tokenizer(huggingFaceJSON: try bytes("tokenizer/\(family)/tokenizer.json"))
    }

    static let families: [String: Tokenizer] = {
        var families: [String: Tokenizer] = [:]
        for name in ["qwen", "smollm2"] { families[name] = try? tokenizer(name) }
        return families
    }()
}

/// The place of a golden case in its file, short enough for a test report.
private func label(_ line: JSONValue) -> String {
    "\(line["tokenizer"]?.string ?? "?") \(line["kind"]?.string ?? "?") \(line["text"]?.serialized.prefix(80) ?? "")"
}

struct GoldenTokenizerTests {
    @Test func `every golden text has the ids and the decoded text of the reference`() throws {
        let lines = try Golden.lines("tokenizer/cases-base.jsonl")
        #expect(lines.count == 552)
        for line in lines {
            let family = try #require(line["tokenizer"]?.string)
            let tokenizer = try #require(Golden.families[family])
            let text = try #require(line["text"]?.string)
            let expected = line["ids"]?.array?.compactMap(\.integer)
            let ids = tokenizer.encode(text, specialTokens: line["special"]?.bool == true ? .recognised : .asText)
            #expect(ids == expected, "\(label(line))")
            let decoded = try #require(line["decoded"]?.string)
            #expect(tokenizer.decode(ids).utf8.elementsEqual(decoded.utf8), "\(label(line))")
        }
    }

    @Test(arguments: [
        ("gpt2", PreTokenizer.gpt2), ("smollm", .smollm), ("qwen2", .qwen2), ("llama3", .llama3),
    ])
    func `pieces are those of the reference's patterns`(name: String, preTokenizer: PreTokenizer) throws {
        let cases = try #require(try Golden.json("tokenizer/pretokenize-base.json")["cases"]?.array)
        #expect(cases.count == 80)
        for entry in cases {
            let text = try #require(entry["text"]?.string)
            let expected = entry[name]?.array ?? []
            #expect(preTokenizer.pieces(of: text).map(JSONValue.string) == expected, "\(text.debugDescription)")
        }
    }

    @Test func `a stream emits each character as soon as it is certain`() throws {
        let lines = try Golden.lines("tokenizer/stream-base.jsonl")
        #expect(lines.count == 146)
        for line in lines {
            let family = try #require(line["tokenizer"]?.string)
            let tokenizer = try #require(Golden.families[family])
            let ids = line["ids"]?.array?.compactMap(\.integer) ?? []
            var stream = StreamingDetokenizer(tokenizer: tokenizer, skipSpecial: false)
            let emitted = ids.map { JSONValue.string(stream.append($0)) }
            #expect(emitted == line["emitted"]?.array, "\(label(line))")
            #expect(JSONValue.string(stream.finish()) == line["end"], "\(label(line))")
            #expect(JSONValue.string(tokenizer.decode(ids)) == line["text"], "\(label(line))")
        }
    }

    @Test(arguments: ["qwen2", "qwen3", "qwen3_untied", "qwen3_moe", "llama"])
    func `the tokenizer of a tiny model loads and returns any text`(family: String) throws {
        let tokenizer = try Tokenizer(huggingFaceJSON: try Golden.bytes("lm/\(family)/tokenizer.json"))
        let text = "Grüße, 12 <|x|> 日本 🙂\n\n  the peer\t"
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
        #expect(tokenizer.addedTokens.count == 3)
        #expect(tokenizer.prefixIDs.isEmpty)
    }
}
