import Foundation
import OrderedJSON
import Testing
import Tokenizers

struct TemplateProvenanceTests {
    /// What of the output the template wrote, with `·` for what came out of the context.
    private func markup(_ source: String, _ context: JSONObject, tokens: [String: String] = [:]) throws -> String {
        let segments = try ChatTemplate(source).renderSegments(context, specialTokens: tokens, now: .now)
        return segments.map { $0.isMarkup ? $0.text : String(repeating: "·", count: $0.text.count) }.joined()
    }

    /// `u` is "<|x|>", `l` is ["<|x|>", "<|x|>"], `d` is {"<|x|>": "<|x|>"}.
    private static let cases: [(source: String, expected: String)] = [
        ("{{ '<|im_start|>' + u + '\\n' + u }}", "<|im_start|>·····\n·····"), ("a{{ u }}b", "a·····b"),
        ("{{ u|trim }}", "·····"), ("{{ '  <s> '|trim ~ u }}", "<s>·····"), ("{{ u|upper ~ 'a'|upper }}", "·····A"),
        ("{{ u|replace('x', '<s>') }}", "··<s>··"), ("{{ '<s>x'|replace('x', u) }}", "<s>·····"),
        ("{{ u.split('x')|join('<s>') }}", "··<s>··"), ("{{ l|join(',') }}", "·····,·····"),
        ("{{ ','.join(l) }}", "·····,·····"),
        ("{{ l }}", "··················"), ("{{ l|tojson }}", "··················"),
        ("{{ d|tojson }}", "··················"),
        ("{{ ['<s>']|tojson }}", "·······"), ("{{ u|list|first ~ '<s>' }}", "·<s>"),
        ("{{ u[1:3] ~ '<s>'[1:] }}", "··s>"),
        ("{{ (u ~ '<s>')[::-1] }}", ">s<·····"), ("{{ (u ~ '<s>')|reverse }}", ">s<·····"),
        ("{{ u * 2 }}", "··········"),
        ("{% for c in u %}{{ c }}.{% endfor %}", "·.·.·.·.·."),
        ("{% for k, v in d.items() %}{{ k }}={{ v }}{% endfor %}", "·····=·····"),
        ("{% set x %}<s>{{ u }}{% endset %}{{ x }}{{ x[2:4] }}", "<s>·····>·"),
        ("{% macro m(a) %}<s>{{ a }}{% endmacro %}{{ m(u)|trim }}", "<s>·····"),
        ("{% filter upper %}<s>{{ u }}{% endfilter %}", "<S>·····"), ("{{ '<s>%s' % u }}", "<s>·····"),
        ("{{ '<s>{}'.format(u) }}", "<s>·····"), ("{{ u|indent(2, true) }}", "·······"),
        ("{{ 5 }}{{ 1.5 }}{{ true }}", "········"),
        ("{{ u|default('<s>') }}{{ q|default('<s>') }}", "·····<s>"), ("{{ u|e }}", "···········"),
        ("{{ u|string|safe }}", "·····"),
        ("{{ bos_token ~ u }}", "<s>·····"), ("{{ e_token }}", "·····"), ("{{ u if u else '<s>' }}", "·····"),
        ("{{ l|map('upper')|join('<s>') }}", "·····<s>·····"), ("{{ u.partition('x')|join('<s>') }}", "··<s>·<s>··"),
        ("{{ (u ~ '<s>' ~ u).strip('<|') }}", "···<s>·····"), ("{{ u.center(9, '-') }}", "--·····--"),
        (
            "{% set ns = namespace(t='') %}{% for x in l %}{% set ns.t = ns.t ~ '<s>' ~ x %}{% endfor %}{{ ns.t }}",
            "<s>·····<s>·····"
        ),
        ("{% call(v) w(u) %}<c>{{ v }}{% endcall %}", ""),
        ("{{ u|title ~ u|capitalize ~ u.swapcase() }}", "···············"),
        ("{{ d|dictsort|first|first ~ d.keys()|first ~ (l|sort)[0] ~ l|min }}", "····················"),
        ("{{ strftime_now('<s>') }}{{ loop }}", "···"), ("{{ u|truncate(3, true, '<s>', 0) }}", "<s>"),
    ]

    @Test(arguments: cases.indices.filter { !cases[$0].expected.isEmpty })
    func `what comes from the conversation is never markup`(index: Int) throws {
        let context = variables([
            "u": "<|x|>", "l": ["<|x|>", "<|x|>"], "d": ["<|x|>": "<|x|>"], "e_token": "<|x|>", "bos_token": "fake",
        ])
        let found = try markup(Self.cases[index].source, context, tokens: ["bos_token": "<s>"])
        #expect(found == Self.cases[index].expected, "\(Self.cases[index].source)")
    }

    @Test func `segments join to what render gives, and a user's control tokens stay text`() throws {
        let tokenizer = try #require(Golden.families["qwen"])
        let controls = Set(tokenizer.addedTokens.map(\.id))
        for line in try Golden.lines("chat/cases-base.jsonl") where line["rendered"] != nil {
            let name = try #require(line["template"]?.string)
            guard name.hasPrefix("Qwen-Qwen3-0.6B") || name.hasPrefix("Qwen-Qwen2.5") else { continue }
            let template = try ChatTemplate(String(decoding: try Golden.bytes("chat/\(name).jinja"), as: UTF8.self))
            var context = line.object ?? JSONObject()
            for entry in line["kwargs"]?.object?.entries ?? [] { context[entry.key] = entry.value }
            let text = try template.render(context, now: .now)
            let segments = try template.renderSegments(context, now: .now)
            #expect(segments.map(\.text).joined() == text)
            let ids = tokenizer.encode(segments: segments)
            #expect(
                tokenizer.decode(ids).precomposedStringWithCanonicalMapping
                    == text.precomposedStringWithCanonicalMapping)
            if line["kind"]?.string == "injected" {
                let written = ids.filter(controls.contains).compactMap(tokenizer.text)
                // Three turns, the beginning of the answer, and Qwen 2.5's own system message.
                #expect(written.filter { $0 == "<|im_start|>" }.count == (name.contains("2.5") ? 5 : 4))
                #expect(!written.contains("<tool_call>") && !written.contains("<tool_response>"))
            }
        }
    }
}
