import Generation
import OrderedJSON
import Testing

/// A schema, texts that satisfy it, and texts that don't.
struct SchemaCase: Sendable, CustomTestStringConvertible {
    let schema: String
    let good: [String]
    let bad: [String]
    var testDescription: String { String(schema.prefix(80)) }

    init(_ schema: String, good: [String], bad: [String]) {
        self.schema = schema
        self.good = good
        self.bad = bad
    }
}

@Suite struct ConstraintSchemaTests {
    static let values = [
        SchemaCase(
            "true", good: ["1", "\"a\"", "{}", "[1, [null]]", "{\"a\": [true]}"], bad: ["", "a", "[1,]", "{a:1}"]),
        SchemaCase(#"{"type": "null"}"#, good: ["null"], bad: ["nul", "0", "nulll"]),
        SchemaCase(#"{"type": "boolean"}"#, good: ["true", "false"], bad: ["True", "1"]),
        SchemaCase(
            #"{"type": ["integer", "null"]}"#, good: ["5", "null", "-7", "0"], bad: ["5.0", "01", "-0", "\"5\""]),
        SchemaCase(
            #"{"type": "number"}"#, good: ["0", "-0.5", "1e5", "1.25E-9", "123456789012345678"],
            bad: [".5", "1.", "01", "+1", "1e", "1234567890123456789", "NaN"]),
        SchemaCase(
            #"{"type": "integer", "minimum": -3, "maximum": 120}"#, good: ["-3", "-1", "0", "7", "99", "120", "100"],
            bad: ["-4", "121", "200", "1000", "-0", "00", "12.0"]),
        SchemaCase(
            #"{"type": "integer", "exclusiveMinimum": 9, "exclusiveMaximum": 1000}"#, good: ["10", "999", "99"],
            bad: ["9", "1", "1000", "-10"]),
        SchemaCase(
            #"{"type": "integer", "minimum": 1, "multipleOf": 7}"#, good: ["7", "14", "700", "7777777"],
            bad: ["0", "1", "8", "-7"]),
        SchemaCase(
            #"{"type": "number", "minimum": 0, "maximum": 1}"#,
            good: ["0", "1", "0.5", "0.999", "1.0", "0.0", "1.000"],
            bad: ["1.01", "-0.1", "2", "1e-3", "10", "1.0001", "-0"]),
        SchemaCase(
            #"{"type": "number", "exclusiveMinimum": -1.5, "maximum": 2.25}"#,
            good: ["-1.4999", "-1", "-0.5", "0", "2.25", "2.2", "1.99", "2.250"],
            bad: ["-1.5", "-1.50", "-2", "2.26", "2.2501", "3", "-10"]),
        SchemaCase(
            #"{"type": "number", "multipleOf": 0.25, "minimum": 0}"#, good: ["0.25", "0.5", "0.50", "1", "12.75"],
            bad: ["0.3", "0.1", "0.125", "12.7"]),
        SchemaCase(#"{"const": {"a": [1, "ü"]}}"#, good: [#"{"a":[1,"ü"]}"#], bad: [#"{"a":[1,"u"]}"#, "{}"]),
        SchemaCase(
            #"{"enum": ["a", "ab", 1, null, "\"q\""]}"#, good: [#""a""#, #""ab""#, "1", "null", #""\"q\"""#],
            bad: [#""b""#, #""abc""#, "11", "true"]),
        SchemaCase(#"{"type": "string", "enum": ["a", 1]}"#, good: [#""a""#], bad: ["1"]),
        SchemaCase(
            #"{"anyOf": [{"type": "integer"}, {"type": "string"}]}"#, good: ["1", #""x""#], bad: ["true", "[]"]),
        SchemaCase(#"{"type": "string", "nullable": true}"#, good: ["null", #""""#], bad: ["1"]),
    ]

    static let strings = [
        SchemaCase(
            #"{"type": "string"}"#,
            good: [#""""#, #""a b""#, #""é漢😀""#, #""\n\"\\\/""#, #""\u00e9""#, #""\ud83d\ude00""#, "\"\u{7F}\""],
            bad: [
                #""a"#, "\"\n\"", #""\x""#, #""\ud83d""#, #""\ude00""#, #""\ud83dx""#, #""\ud83d\u0041""#, "\"\u{1}\"",
                #""\u12""#,
            ]),
        SchemaCase(
            #"{"type": "string", "minLength": 2, "maxLength": 3}"#,
            good: [#""ab""#, #""😀é漢""#, #""\u0041\n""#, #""\ud83d\ude00a""#],
            bad: [#""a""#, #""abcd""#, #""😀""#, #""""#]),
        SchemaCase(
            #"{"type": "string", "pattern": "^[a-c]+\\d{2,3}$"}"#, good: [#""a12""#, #""abc123""#],
            bad: [#""12""#, #""a1""#, #""a1234""#, #""d12""#, #""a12 ""#]),
        SchemaCase(
            #"{"type": "string", "pattern": "b(o|a)+z?"}"#, good: [#""bo""#, #""xxbaoazyy""#, #""b\nbo""#],
            bad: [#""b""#, #""xyz""#, #""""#]),
        SchemaCase(
            #"{"type": "string", "pattern": "^(?:yes|no)|maybe$"}"#,
            good: [#""yes""#, #""no way""#, #""or maybe""#, #""maybe""#], bad: [#""oh no""#, #""maybe not""#]),
        SchemaCase(
            #"{"type": "string", "pattern": "^[^\"\\\\\\s]{1,4}$"}"#, good: [#""a漢b""#, #""''""#],
            bad: [#""a b""#, #""\"""#, #""\\""#, #""aaaaa""#, #""\n""#]),
        SchemaCase(
            #"{"type": "string", "pattern": "^\\w+@\\w+\\.[A-Z]{2,}?$", "maxLength": 8}"#,
            good: [#""a@b.CD""#, #""a@b.CDEF""#],
            bad: [#""a@b.CDEFG""#, #""a@b.C""#]),
        SchemaCase(
            #"{"type": "string", "pattern": "^.\\u{1F600}\\x41\\t$"}"#, good: [#""x😀A\t""#], bad: [#""\n😀A\t""#]),
        SchemaCase(
            #"{"type": "string", "pattern": "^(a?){3}(b*)*$"}"#, good: [#""""#, #""aab""#, #""bbb""#], bad: [#""aaaa""#]
        ),
        SchemaCase(
            #"{"type": "string", "format": "date"}"#, good: [#""2024-02-29""#, #""2023-12-31""#, #""2000-02-29""#],
            bad: [#""2023-02-29""#, #""1900-02-29""#, #""2023-13-01""#, #""2023-04-31""#, #""23-01-01""#]),
        SchemaCase(
            #"{"type": "string", "format": "date-time"}"#,
            good: [#""2024-02-29T23:59:59Z""#, #""2023-01-01T00:00:00.123+05:30""#],
            bad: [#""2023-01-01 00:00:00Z""#, #""2023-01-01T24:00:00Z""#, #""2023-01-01T00:00:00""#]),
        SchemaCase(#"{"type": "string", "format": "time"}"#, good: [#""12:00:00Z""#], bad: [#""12:00""#]),
        SchemaCase(
            #"{"type": "string", "format": "uuid"}"#, good: [#""123e4567-e89b-12d3-a456-426614174000""#],
            bad: [#""123e4567e89b12d3a456426614174000""#]),
        SchemaCase(
            #"{"type": "string", "format": "email"}"#, good: [#""a.b+c@x-y.org""#], bad: [#""a@b""#, #""@b.org""#]),
        SchemaCase(
            #"{"type": "string", "format": "ipv4"}"#, good: [#""0.255.10.199""#],
            bad: [#""256.1.1.1""#, #""1.1.1""#, #""01.1.1.1""#]),
        SchemaCase(
            #"{"type": "string", "format": "duration"}"#, good: [#""P1DT2H""#, #""PT5M""#, #""P3W""#],
            bad: [#""P""#, #""PT""#]),
        SchemaCase(#"{"type": "string", "format": "colour"}"#, good: [#""anything""#], bad: ["1"]),
    ]

    static let containers = [
        SchemaCase(
            #"{"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {}}, "required": ["b"], "additionalProperties": false}"#,
            good: [
                #"{"b":"x"}"#, #"{"a": 1, "b": "x", "c": [1]}"#, #"{"b":"","c":null}"#,
                "{\n  \"a\": 1,\n  \"b\": \"x\"\n}",
            ],
            bad: [
                "{}", #"{"a":1}"#, #"{"b":"x","a":1}"#, #"{"b":"x","d":1}"#, #"{"b":"x",}"#, #"{"b":1}"#,
                #"{"b" :"x"}"#,
                #"{  "b":"x"}"#, #"{"b":"x"} "#, " {\"b\":\"x\"}", "{\n\n\"b\":\"x\"}",
            ]),
        SchemaCase(
            #"{"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "boolean"}}"#,
            good: ["{}", #"{"a":1}"#, #"{"a":1,"z":true}"#, #"{"ab":false,"":true}"#, #"{"A":true}"#],
            bad: [#"{"a":true}"#, #"{"z":1}"#, #"{"z":true,"a":1}"#, #"{"\u0061":true}"#]),
        SchemaCase(
            #"{"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 2}"#,
            good: [#"{"x":1}"#, #"{"x":1,"y":2}"#], bad: ["{}", #"{"x":1,"y":2,"z":3}"#, #"{"x":"1"}"#]),
        SchemaCase(#"{"type": "object"}"#, good: ["{}", #"{"a": {"b": [1, 2]}}"#], bad: ["[]", "1"]),
        SchemaCase(
            #"{"type": "object", "required": ["k"]}"#, good: [#"{"k":1}"#, #"{"k":1,"z":2}"#], bad: ["{}", #"{"z":1}"#]),
        SchemaCase(
            #"{"type": "object", "properties": {"x": false, "y": {"type": "null"}}}"#, good: ["{}", #"{"y":null}"#],
            bad: [#"{"x":1}"#]),
        SchemaCase(
            #"{"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3}"#,
            good: ["[1]", "[1,2]", "[1, 2, 3]", "[\n  1\n]"], bad: ["[]", "[1,2,3,4]", "[1,\"a\"]", "[1,]", "[,1]"]),
        SchemaCase(#"{"type": "array", "maxItems": 0}"#, good: ["[]"], bad: ["[1]"]),
        SchemaCase(#"{"type": "array", "items": {"enum": [1]}}"#, good: ["[]", "[1]", "[1,1,1,1]"], bad: ["[2]"]),
        SchemaCase(
            #"{"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false, "minItems": 2}"#,
            good: [#"[1,"a"]"#], bad: ["[1]", "[]", #"["a",1]"#, #"[1,"a",2]"#]),
        SchemaCase(
            #"{"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "boolean"}, "maxItems": 3}"#,
            good: ["[]", "[1]", "[1,true]", "[1,true,false]"], bad: ["[true]", "[1,1]", "[1,true,true,true]"]),
        SchemaCase(
            ##"{"$defs": {"n": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}, "required": ["v", "next"]}}, "$ref": "#/$defs/n"}"##,
            good: [#"{"v":1,"next":null}"#, #"{"v":1,"next":{"v":2,"next":{"v":3,"next":null}}}"#],
            bad: [#"{"v":1}"#, #"{"v":1,"next":{}}"#]),
        SchemaCase(
            ##"{"type": "array", "items": {"$ref": "#"}}"##, good: ["[]", "[[],[[]]]"], bad: ["[1]", "[[]"]),
        SchemaCase(
            #"{"allOf": [{"type": "object", "properties": {"a": {"type": "number", "minimum": 0}}, "required": ["a"]}, {"properties": {"b": {"type": "string"}, "a": {"maximum": 5}}, "required": ["b"]}]}"#,
            good: [#"{"a":3,"b":""}"#], bad: [#"{"a":3}"#, #"{"a":6,"b":""}"#, #"{"a":-1,"b":""}"#]),
        SchemaCase(
            #"{"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}"#,
            good: [#"{"a":1}"#, #"{"b":1}"#, #"{"a":1,"b":1}"#], bad: ["{}"]),
        SchemaCase(
            ##"{"definitions": {"a/b": {"type": "string"}}, "properties": {"x": {"$ref": "#/definitions/a~1b", "description": "d"}, "y": {"$ref": "#/definitions/a%7E1b", "maxLength": 1}}}"##,
            good: [#"{"x":"long","y":"s"}"#], bad: [#"{"x":1}"#, #"{"y":"long"}"#]),
    ]

    @Test(arguments: values + strings + containers)
    func `a schema admits what satisfies it and nothing else`(_ item: SchemaCase) throws {
        let grammar = try Grammar(schema: try JSONValue(parsing: item.schema))
        for text in item.good { #expect(try ConstraintTestVocabulary.accepts(grammar, text), "\(text)") }
        for text in item.bad { #expect(try !ConstraintTestVocabulary.accepts(grammar, text), "\(text)") }
    }

    @Test(arguments: [
        (#"{"type": "text"}"#, ""), (#"{"type": 3}"#, ""), ("3", ""), ("false", ""),
        (#"{"properties": {"a": {"not": {}}}}"#, "/properties/a"), (#"{"if": {}, "then": {}}"#, ""),
        (#"{"properties": {"a/b": {"patternProperties": {}}}}"#, "/properties/a~1b"),
        (#"{"items": {"uniqueItems": true}}"#, "/items"), (#"{"propertyNames": {}}"#, ""),
        (#"{"dependentRequired": {}}"#, ""), (#"{"contains": {}}"#, ""), (#"{"unevaluatedProperties": false}"#, ""),
        (#"{"$ref": "https://example.org/schema"}"#, ""), (##"{"$ref": "#/$defs/none"}"##, ""),
        (##"{"$ref": "#"}"##, ""), (##"{"anyOf": [{"type": "null"}, {"$ref": "#"}]}"##, "/anyOf/1"),
        (##"{"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}"##, "/$defs/a/allOf/0"),
        (##"{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}"##, ""),
        (#"{"enum": []}"#, ""), (#"{"enum": [1], "type": "string"}"#, ""), (#"{"enum": [1], "minimum": 0}"#, ""),
        (#"{"minLength": -1}"#, ""), (#"{"minLength": 1.5}"#, ""),
        (#"{"type": "string", "minLength": 3, "maxLength": 2}"#, ""),
        (#"{"type": "array", "minItems": 3, "maxItems": 2}"#, ""),
        (#"{"type": "integer", "minimum": 3, "maximum": 2}"#, ""),
        (#"{"type": "integer", "minimum": 1e30}"#, ""), (#"{"type": "number", "multipleOf": 0}"#, ""),
        (#"{"type": "number", "minimum": "3"}"#, ""), (#"{"required": "a"}"#, ""), (#"{"properties": []}"#, ""),
        (#"{"required": ["a"], "additionalProperties": false}"#, ""), (#"{"anyOf": []}"#, ""), (#"{"anyOf": {}}"#, ""),
        (#"{"type": "string", "pattern": "a"#, ""), (#"{"items": [{}]}"#, ""),
        (#"{"allOf": [{"pattern": "a"}, {"pattern": "b"}]}"#, "/allOf/1"),
        (
            #"{"allOf": [{"properties": {"a": {}}, "additionalProperties": false}, {"properties": {"b": {}}}]}"#,
            "/allOf/1"
        ),
        (#"{"type": "string", "pattern": "^b", "format": "uuid", "minLength": 40}"#, ""),
        (#"{"properties": {"a": {}}, "minProperties": 1}"#, ""),
    ])
    func `a schema that can't be enforced is refused with its place`(_ text: String, _ path: String) throws {
        guard let schema = try? JSONValue(parsing: text) else { return }
        let error = try #require(throws: GrammarError.self) { _ = try Grammar(schema: schema) }
        #expect(path.isEmpty ? error.path.isEmpty : error.path.hasPrefix(path), "\(error)")
        #expect(!error.reason.isEmpty)
    }

    @Test func `annotations and unknown keywords change nothing`() throws {
        let schema: JSONValue = [
            "type": "integer", "title": "t", "description": "d", "default": 3, "examples": [1], "$comment": "c",
            "deprecated": true, "x-mine": ["not": true], "$schema": "https://json-schema.org/draft/2020-12/schema",
        ]
        #expect(try ConstraintTestVocabulary.accepts(Grammar(schema: schema), "12"))
    }

    @Test func `a schema's own grammar can be a part of another`() throws {
        let schema = try Grammar(schema: ["type": "array", "items": ["type": "integer"]])
        let grammar = Grammar.sequence([
            .literal("<a>"), schema, .repetition(.sequence([.literal(";"), schema]), maximum: 1),
            .words(["</a>", "</b>"]),
        ])
        for text in ["<a>[]</a>", "<a>[1];[2,3]</b>"] { #expect(try ConstraintTestVocabulary.accepts(grammar, text)) }
        for text in ["[]", "<a>[1];[2];[3]</a>", "<a>[]</c>"] {
            #expect(try !ConstraintTestVocabulary.accepts(grammar, text))
        }
        let empty = Grammar.repetition(.choice([.literal(""), .literal("a")]))
        #expect(throws: GrammarError.self) {
            _ = try GrammarConstraint(grammar: empty, vocabulary: ConstraintTestVocabulary.bytes, endTokens: [])
        }
    }
}
