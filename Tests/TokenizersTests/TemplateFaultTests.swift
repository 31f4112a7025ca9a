import Foundation
import OrderedJSON
import TestSupport
import Testing
import Tokenizers

struct TemplateFaultTests {
    private func template(_ name: String) throws -> [UInt8] { try Golden.bytes("chat/\(name).jinja") }

    private let context = variables([
        "messages": [
            ["role": "system", "content": "Be brief."], ["role": "user", "content": "Grüße 🙂"],
            [
                "role": "assistant", "content": "",
                "tool_calls": [["function": ["name": "f", "arguments": ["a": 1.0]]]],
            ],
            ["role": "tool", "content": "[1]"],
        ], "tools": [["type": "function", "function": ["name": "f", "parameters": [:]]]],
        "add_generation_prompt": true,
    ])

    @Test(arguments: ["Qwen-Qwen3-0.6B", "Qwen3-Coder", "openai-gpt-oss-120b"])
    func `every prefix of a template is an error or a template`(name: String) throws {
        let bytes = try template(name)
        for count in stride(from: 0, to: bytes.count, by: 5) {
            let source = String(decoding: bytes[..<count], as: UTF8.self)
            _ = try? ChatTemplate(source).render(context, now: .now)
        }
        #expect(throws: TemplateError.self) { try ChatTemplate(String(decoding: bytes.dropLast(12), as: UTF8.self)) }
    }

    @Test(arguments: ["Qwen-Qwen3-0.6B", "Qwen3.5-4B", "GLM-4.6", "mistralai-Mistral-Nemo-Instruct-2407"])
    func `flipped bytes are an error or a template`(name: String) throws {
        var generator = SeededGenerator(seed: testSeed())
        let bytes = try template(name)
        var parsed = 0
        for _ in 0..<1500 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                damaged[place] =
                    Bool.random(using: &generator)
                    ? bytes[Int.random(in: 0..<bytes.count, using: &generator)]
                    : UInt8.random(in: 0...127, using: &generator)
            }
            guard let template = try? ChatTemplate(String(decoding: damaged, as: UTF8.self)) else { continue }
            parsed += 1
            _ = try? template.render(context, now: .now)
        }
        #expect(parsed > 0)
    }

    @Test func `pieces of templates in any order are an error or a template`() throws {
        var generator = SeededGenerator(seed: testSeed())
        let pieces = [
            "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "if", "else", "elif", "endif", "for", "in", "endfor", "set",
            "=", "macro",
            "m", "(", ")", "[", "]", "{", "}", ":", ",", ".", "|", "'a'", "1", "2.5", "x", "messages", "is", "not",
            "and", "defined",
            "loop", "index", "~", "*", "**", "//", "%", "<", "==", " ", "\n", "text", "call", "endcall", "filter",
            "upper", "raw", "endraw",
        ]
        for _ in 0..<20_000 {
            let source = (0..<Int.random(in: 1...24, using: &generator)).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &generator)]
            }.joined(separator: Bool.random(using: &generator) ? " " : "")
            _ = try? ChatTemplate(source).render(context, now: .now)
            _ = try? ChatTemplate("{{ " + source + " }}").render(context, now: .now)
        }
        #expect(try ChatTemplate("{{ messages|length }}").render(context, now: .now) == "4")
    }

    @Test func `errors name the line`() {
        #expect(throws: TemplateError.syntax(line: 3, reason: "unknown tag 'nope'")) {
            try ChatTemplate("a\n\n{% nope %}")
        }
        #expect(throws: TemplateError.failed(line: 2, reason: "'y' is undefined")) {
            try ChatTemplate("{{ x }}\n{{ y.z }}").render(JSONObject(), now: .now)
        }
        #expect(throws: TemplateError.raised("no: 1")) {
            try ChatTemplate("{{ raise_exception('no: ' ~ 1) }}").render(JSONObject(), now: .now)
        }
    }

    @Test func `a template longer than a MiB is refused`() {
        #expect(throws: TemplateError.self) { try ChatTemplate(String(repeating: "x", count: 1 << 20 + 1)) }
    }

    @Test func `one template renders on many threads at once`() async throws {
        let template = try ChatTemplate(String(decoding: try template("Qwen-Qwen3-0.6B"), as: UTF8.self))
        let context = context
        let expected = try template.render(context, now: .now)
        await withTaskGroup(of: String?.self) { group in
            for _ in 0..<64 { group.addTask { try? template.render(context, now: .now) } }
            for await text in group { #expect(text == expected) }
        }
    }

    @Test(
        arguments: [
            (0.0, "1970-01-01 Thursday 001 00"), (951_782_400, "2000-02-29 Tuesday 060 09"),
            (-1, "1969-12-31 Wednesday 365 52"),
            (4_102_444_799, "2099-12-31 Thursday 365 52"), (-2_208_988_800, "1900-01-01 Monday 001 00"),
            (.infinity, "9999-12-31 Friday 365 52"),
        ] as [(Double, String)])
    func `dates are right`(seconds: Double, expected: String) throws {
        let template = try ChatTemplate("{{ strftime_now('%Y-%m-%d %A %j %U') }}")
        #expect(try template.render(JSONObject(), now: Date(timeIntervalSince1970: seconds)) == expected)
    }
}
