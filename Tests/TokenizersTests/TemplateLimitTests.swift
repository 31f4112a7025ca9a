import Foundation
import OrderedJSON
import Synchronization
import Testing
import Tokenizers

struct TemplateLimitTests {
    private static let user = variables(["messages": [["role": "user", "content": "x"]]])

    /// Templates that reach for the program around them; no such door exists.
    private static let reaching = [
        "{{ ''.__class__.__mro__ }}", "{{ ''|attr('__init__')() }}", "{{ (x|attr('__init__')).__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}", "{{ joiner.__init__.__globals__ }}",
        "{{ ().__class__.__bases__[0].__subclasses__() }}", "{{ ''['__class__']['__mro__'] }}",
        "{{ raise_exception.__globals__['os'] }}", "{{ messages.append(1) }}", "{{ messages[0].update({'a': 1}) }}",
        "{{ messages[0].pop('role') }}", "{{ '{0.__class__.__mro__}'.format(messages) }}",
        "{{ '{0[0].__class__}'.format(messages) }}", "{% include '/etc/passwd' %}", "{% import 'os' as os %}",
        "{% from 'os' import system %}", "{% extends 'x' %}", "{{ lipsum.__globals__ }}", "{{ self.__init__.x }}",
        "{{ url_for.__globals__ }}", "{{ get_flashed_messages() }}", "{{ config.items() }}", "{% do messages %}",
        "{{ namespace.__init__.__globals__ }}", "{{ messages|map('__class__')|list }}",
        "{{ messages|map(attribute='__class__.__mro__')|list }}", "{% set ns = namespace(__class__=1) %}",
        "{% macro m() %}{% endmacro %}{{ m.__globals__.x }}", "{% for x in [1] %}{{ loop.__init__.x }}{% endfor %}",
    ]

    @Test(arguments: reaching)
    func `nothing of the program can be reached`(source: String) {
        #expect(throws: TemplateError.self) { try ChatTemplate(source).render(Self.user, now: .now) }
    }

    /// Templates that would take memory or time without end.
    private static let greedy = [
        "{{ range(10**9) }}", "{{ 'a' * 10**9 }}", "{{ 10**9 * 'a' }}", "{{ [0] * 10**9 }}", "{{ [0] * (2**62) }}",
        "{{ '%0999999999d' % 1 }}", "{{ '%.999999999f' % 1 }}", "{{ '%*d' % (999999999, 1) }}", "{{ 2**10**9 }}",
        "{{ 9**99 }}", "{{ 2**63 }}", "{{ 9223372036854775807 + 1 }}", "{{ (-9223372036854775807 - 1)|abs }}",
        "{{ (-9223372036854775807 - 1) // -1 }}", "{{ -(-9223372036854775807 - 1) }}", "{{ 9223372036854775808 }}",
        "{{ 1e300|int }}", "{{ (1e308 * 10)|int }}", "{{ '99999999999999999999'|int }}", "{{ 1e308 ** 2 }}",
        "{{ range(9223372036854775807, -9223372036854775807) }}", "{{ range(0, 9223372036854775807, 1) }}",
        "{{ 'x'|center(10**9) }}", "{{ 'x'.ljust(10**9) }}", "{{ 'x'.zfill(9223372036854775807) }}",
        "{{ 'x'|indent(10**9, true) }}", "{{ '{:999999999}'.format(1) }}", "{{ '{:.999999999f}'.format(1.5) }}",
        "{{ [1]|tojson(indent=10**9) }}", "{{ [1, 2]|batch(10**9, 0) }}", "{{ [1]|slice(10**9) }}",
        "{{ ('a' * 4000000)|replace('a', 'bbbb') }}", "{{ 'ab'.replace('', 'x' * 4000000) }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in range(90000) %}{% for b in range(90000) if false %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(x) %}{{ m([x]) ~ m(x) }}{% endmacro %}{{ m(1) }}",
        "{% macro a() %}{% call b() %}{% endcall %}{% endmacro %}{% macro b() %}{{ a() }}{{ caller() }}{% endmacro %}{{ a() }}",
        "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
        "{% set ns = namespace(x='ab') %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x={}) %}{% for i in range(90000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}",
        "{% set ns = namespace(x=1) %}{% for i in range(90000) %}{% set ns.x = cycler(ns.x) %}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% for y in [ns.x] %}{% set ns.x = loop %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}",
        """
        {% set ns = namespace(x=[1], y=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}\
        {% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}
        """,
        "{% set ns = namespace(x=(1,)) %}{% for i in range(90) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}",
        "{% set x = 'a' * 2000000 %}{% for i in range(90000) %}{{ 'b' in x }}{% endfor %}",
        "{% set x = 'a' * 2000000 %}{% for i in range(90000) %}{% set y = {x: i} %}{% endfor %}",
        "{% set x = 'a' * 2000000 %}{% for i in range(90000) %}{% set y = x|upper %}{% endfor %}",
        "{% set x = 'a' * 2000000 %}{% for i in range(90000) %}{{ x[-1] }}{% endfor %}",
        "{% set x = 'a ' * 2000000 %}{{ x.split()|length }}{{ x.split(' ')|length }}{{ x|list|length }}",
        "{% set x = '\\n' * 4000000 %}{{ x.splitlines()|length }}",
        "{% set x = '\\n' * 4000000 %}{{ x|indent|length }}",
        "{% for i in range(90000) %}{{ 'x' * 100 }}{% endfor %}",
        "{% for i in range(100000) %}{{ i }}{{ [i, i]|sort }}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = ns.x + [i] %}{% endfor %}",
    ]

    @Test(arguments: greedy)
    func `a greedy template is stopped while others go on`(source: String) {
        let elapsed = ContinuousClock().measure {
            #expect(throws: TemplateError.self) { try ChatTemplate(source).render(Self.user, now: .now) }
        }
        // A second would do; the bound leaves room for a busy machine.
        #expect(elapsed < .seconds(8))
    }

    @Test func `searching for what nearly fits stays linear`() throws {
        let source = "{% set x = 'a' * 1000000 %}{{ ('a' * 500000 ~ 'b') in x }}{{ x.rfind('a' * 400000 ~ 'b') }}"
        let template = try ChatTemplate(source)
        let elapsed = try ContinuousClock().measure {
            let text = try template.render(Self.user, now: .now)
            #expect(text == "False-1")
        }
        #expect(elapsed < .seconds(4))
    }

    /// Sources that nest; each must end as an error or a text, on the small stack that worker threads have on macOS.
    private static let nesting: [String] = [
        String(repeating: "(", count: 100_000), String(repeating: "[", count: 100_000) + "{{",
        "{{ " + String(repeating: "(", count: 50_000) + "1" + String(repeating: ")", count: 50_000) + " }}",
        "{{ " + String(repeating: "[", count: 28) + "1" + String(repeating: "]", count: 28) + " }}",
        "{{ " + String(repeating: "not ", count: 50_000) + "1 }}",
        "{{ " + String(repeating: "-", count: 50_000) + "1 }}",
        "{{ 1" + String(repeating: " + 1", count: 50_000) + " }}",
        "{{ 1" + String(repeating: " ~ 1", count: 50_000) + " }}",
        "{{ 1" + String(repeating: " ** 1", count: 50_000) + " }}",
        "{{ x" + String(repeating: "|d", count: 50_000) + " }}",
        "{{ x" + String(repeating: ".x", count: 50_000) + " }}",
        "{{ 1" + String(repeating: " < 1", count: 50_000) + " }}",
        "{{ 1" + String(repeating: " if 1", count: 50_000) + " }}",
        "{{ 1" + String(repeating: " if 1 else 1", count: 50_000) + " }}",
        "{{ 1" + String(repeating: " and 1", count: 50_000) + " }}", "{{ " + String(repeating: "{1:", count: 50_000),
        String(repeating: "{% if 1 %}", count: 50_000), String(repeating: "{% for x in [1] %}", count: 50_000),
        String(repeating: "{% for x in [1] %}", count: 58) + "x" + String(repeating: "{% endfor %}", count: 58),
        "{% for " + String(repeating: "(", count: 50_000),
        "{% set " + String(repeating: "a,", count: 50_000) + " = 1 %}",
        String(repeating: "{% macro m() %}", count: 50_000), String(repeating: "{#", count: 50_000),
        "{% if 0 %}" + String(repeating: "{% elif 0 %}", count: 50_000) + "{% endif %}",
        "{% macro m(n) %}{% if n %}{% for x in [1] %}{% with %}{{ [[[m(n - 1)]]] ~ (((1))) }}{% endwith %}{% endfor %}"
            + "{% endif %}{% endmacro %}{{ m(60) }}",
        "{{ " + String(repeating: "{1:", count: 28) + "1" + String(repeating: "}", count: 28) + " }}",
        recursion(through: "1 + (", ")"), recursion(through: "1 < (", ")"), recursion(through: "{1: ", "}"),
        recursion(through: "n[", "]"), recursion(through: "f(", ")"), recursion(through: "1|d(", ")"),
        "{% for x in [1] recursive %}{% with a = 1 %}{% filter upper %}{% set x %}{{ loop([1]) }}{% endset %}"
            + "{% endfilter %}{% endwith %}{% endfor %}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "{% set ns = namespace(x=['a']) %}{% for i in range(150) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x|map("
            + String(repeating: "'map', ", count: 149) + "'upper')|list }}",
    ]

    /// A macro that calls itself inside a dozen nested expressions.
    private static func recursion(through open: String, _ close: String) -> String {
        "{% macro f(x) %}{{ x }}{% endmacro %}{% macro m(n) %}{{ " + String(repeating: open, count: 13) + "m(n)"
            + String(repeating: close, count: 13) + " }}{% endmacro %}{{ m(1) }}"
    }

    @Test(arguments: nesting.indices)
    func `nesting ends in an error, never in the stack`(index: Int) {
        let outcome = Mutex<String?>(nil)
        let done = DispatchSemaphore(value: 0)
        let source = Self.nesting[index]
        let thread = Thread {
            do throws(TemplateError) {
                let text = try ChatTemplate(source).render(Self.user, now: .now)
                outcome.withLock { $0 = "\(text.utf8.count) bytes" }
            } catch {
                outcome.withLock { $0 = error.description }
            }
            done.signal()
        }
        thread.stackSize = 512 << 10
        thread.start()
        done.wait()
        #expect(outcome.withLock { $0 } != nil)
    }

    @Test func `limits are the caller's to set`() throws {
        var limits = TemplateLimits.default
        limits.outputBytes = 10
        let template = try ChatTemplate("{% for i in range(11) %}x{% endfor %}")
        #expect(throws: TemplateError.limit(line: 1, reason: "it writes more than 10 bytes")) {
            try template.render(Self.user, limits: limits, now: .now)
        }
        limits.outputBytes = 11
        #expect(try template.render(Self.user, limits: limits, now: .now) == "xxxxxxxxxxx")
    }

    @Test func `a thousand turns fit`() throws {
        let turn: [JSONValue] = [
            ["role": "user", "content": "What is 1 + 1?"],
            ["role": "assistant", "content": "<think>\nhm\n</think>\n\nTwo."],
        ]
        let source = String(decoding: try Golden.bytes("chat/Qwen-Qwen3-0.6B.jinja"), as: UTF8.self)
        let messages = JSONValue.array(Array(repeatElement(turn, count: 500).joined()))
        let text = try ChatTemplate(source).render(JSONObject([("messages", messages)]), now: .now)
        #expect(text.hasSuffix("Two.<|im_end|>\n"))
    }
}
