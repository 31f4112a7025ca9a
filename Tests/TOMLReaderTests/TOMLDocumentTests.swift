import OrderedJSON
import TOMLReader
import Testing

@Suite struct TOMLDocumentTests {
    @Test func `tables, strings, numbers, booleans and arrays are read`() throws {
        let text = """
            # settings
            host = "127.0.0.1" # loopback
            port = 8_080
            allow_downloads = false
            models = [
              "a\\u00e9", 'b\\n',   # two
            ]

            [hybrid]
            "cloud_endpoints" = []
            """
        let expected: JSONObject = [
            "host": "127.0.0.1", "port": 8080, "allow_downloads": false, "models": ["aé", "b\\n"],
            "hybrid": ["cloud_endpoints": []],
        ]
        #expect(try TOMLDocument.parse(text) == expected)
        #expect(try TOMLDocument.parse(text.replacing("\n", with: "\r\n")) == expected)
    }

    @Test(arguments: [
        "a", "a =", "= 1", "a = 1 b = 2", "a = \"x", "a = 1\na = 2", "[a]\n[a]", "[a", "[[a]]", "a.b = 1", "a = {}",
        "a = 1.5",
        "a = 1979-05-27", "a = [1", "a = [1 2]", "a = \"\\x\"", "a = \"\\ud800\"", "a = 99999999999999999999", "é = 1",
        "a = [[[[[[[[[[]]]]]]]]]]",
    ])
    func `what isn't taken is refused with its line`(text: String) {
        #expect(throws: TOMLError.self) { try TOMLDocument.parse(text) }
    }

    @Test func `the line is the one at fault`() {
        #expect {
            try TOMLDocument.parse("a = 1\n\nb")
        } throws: {
            ($0 as? TOMLError)?.line == 3
        }
    }
}
