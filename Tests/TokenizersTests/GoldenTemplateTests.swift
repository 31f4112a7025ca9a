import Foundation
import OrderedJSON
import Testing
import Tokenizers

struct GoldenTemplateTests {
    private func outcome(_ render: () throws(TemplateError) -> String) -> Result<String, TemplateError> {
        do throws(TemplateError) { return .success(try render()) } catch { return .failure(error) }
    }

    private func date(_ line: JSONValue) throws -> Date {
        let text = try #require(line["now"]?.string)
        return try #require(try? Date(text + "Z", strategy: .iso8601))
    }

    /// Whether the outcome is the one that the reference had.
    private func check(_ outcome: Result<String, TemplateError>, _ line: JSONValue, _ label: String) {
        switch (outcome, line["rendered"]?.string) {
        case (.success(let text), let expected?):
            #expect(
                text.utf8.elementsEqual(expected.utf8),
                "\(label)\n\(text.debugDescription)\n\(expected.debugDescription)")
        case (.failure(.raised(let message)), nil) where line["error_kind"]?.string == "TemplateError":
            #expect(message == line["error"]?.string, "\(label)")
        case (.failure(.failed), nil), (.failure(.syntax), nil):
            #expect(line["error_kind"]?.string != "TemplateError", "\(label)")
        case (.success(let text), nil):
            Issue.record("\(label)\n\(text.debugDescription)\nshould fail: \(line["error"]?.string ?? "")")
        case (.failure(let error), _):
            Issue.record(
                "\(label)\n\(error)\n\(line["rendered"]?.string?.debugDescription ?? line["error"]?.string ?? "")")
        }
    }

    @Test func `every small template gives what Jinja gives`() throws {
        let lines = try Golden.lines("chat/jinja-base.jsonl")
        #expect(lines.count == 784)
        for line in lines {
            let source = try #require(line["template"]?.string)
            let context = try #require(line["context"]?.object)
            let now = try date(line)
            let outcome = outcome { () throws(TemplateError) in try ChatTemplate(source).render(context, now: now) }
            check(outcome, line, source.debugDescription)
        }
    }

    private func context(_ line: JSONValue) -> JSONObject {
        var context = JSONObject([
            ("messages", line["messages"] ?? []), ("tools", line["tools"] ?? .null), ("documents", .null),
            ("add_generation_prompt", false),
        ])
        for entry in line["kwargs"]?.object?.entries ?? [] { context[entry.key] = entry.value }
        return context
    }

    @Test func `every conversation is rendered as transformers does`() throws {
        let lines = try Golden.lines("chat/cases-base.jsonl")
        #expect(lines.count == 726)
        var templates: [String: ChatTemplate] = [:]
        for line in lines {
            let name = try #require(line["template"]?.string)
            if templates[name] == nil {
                let source = String(decoding: try Golden.bytes("chat/\(name).jinja"), as: UTF8.self)
                templates[name] = try ChatTemplate(source)
            }
            let template = try #require(templates[name])
            let now = try date(line)
            let context = context(line)
            let outcome = outcome { () throws(TemplateError) in try template.render(context, now: now) }
            check(outcome, line, "\(name) \(line["kind"]?.string ?? "")")
        }
    }
}
