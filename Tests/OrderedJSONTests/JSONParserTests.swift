import OrderedJSON
import Testing

@Suite struct JSONParserTests {
    @Test(arguments: [
        #"{"b":1,"a":1.0,"c":[true,false,null,"é\n"],"d":{}}"#, "[]", "-0.5", #""""#, "1e+20", "9007199254740993",
    ])
    func `a text comes back as it was written`(text: String) throws {
        #expect(try JSONValue(parsing: text).serialized == text)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,\"a\":2}", "01", "1.", "+1", "NaN", "1e999", "\"\\ud800\"", "\"\\x\"", "\"a",
        "[1] 2", "tru",
        "\"\u{1}\"", "{1:2}", "-", String(repeating: "9", count: 401),
    ])
    func `what is no JSON is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xED, 0xA0, 0x80, 0x22]) }
    }

    @Test func `escapes and surrogate pairs are decoded`() throws {
        #expect(try JSONValue(parsing: #""\ud83d\ude00\u00e9\/\b""#) == .string("😀é/\u{8}"))
    }

    @Test func `depth and number of values are bounded`() {
        let deep = String(repeating: "[", count: 200_000)
        #expect(throws: JSONError.self) { try JSONValue(parsing: deep) }
        let wide = "[" + String(repeating: "0,", count: 700_000) + "0]"
        #expect(throws: JSONError.self) { try JSONValue(parsing: wide) }
    }

    @Test(arguments: [1, 100, 1_000_000]) func `keys are bounded over all objects together, and the limit is named`(
        perObject: Int
    ) {
        let object = "{" + (0..<perObject).map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        let text = "[" + Array(repeating: object, count: 100_000 / perObject + 1).joined(separator: ",") + "]"
        #expect { try JSONValue(parsing: text) } throws: { "\($0)".contains("more than 40000 keys") }
    }

    @Test func `many token ids are no reason to refuse`() throws {
        let prompt = "[" + Array(repeating: "49151", count: 8192).joined(separator: ",") + "]"
        let text = "{\"prompt\":[" + Array(repeating: prompt, count: 64).joined(separator: ",") + "]}"
        #expect(try JSONValue(parsing: text)["prompt"]?.array?.count == 64)
    }

    @Test func `keys are compared by bytes, not by canonical equivalence`() throws {
        let object = try JSONValue(parsing: "{\"\u{e9}\":1,\"e\u{301}\":2}")
        #expect(object["\u{e9}"] == 1)
        #expect(object["e\u{301}"] == 2)
    }

    @Test func `every prefix of a text is refused without a trap`() {
        let text = Array(#"{"a":[1,2.5e3,"xé\u00e9"],"b":{"c":null}}"#.utf8)
        for length in 0..<text.count {
            #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text[..<length])) }
        }
    }
}
