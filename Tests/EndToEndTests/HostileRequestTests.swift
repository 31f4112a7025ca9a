import Foundation
import Testing

extension EndToEnd {
    /// Section 2 of TRUST: hostile requests, one test per item; the server is shared and must survive them all.
    @Suite(.serialized) struct HostileRequestTests {
        private let server: RunningServer

        init() throws { server = try HostileTarget.server.get() }

        /// What must hold after every attack.
        private func survives(_ what: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
            #expect(server.process.isRunning, "after \(what)", sourceLocation: sourceLocation)
            let times = try EndToEnd.times(untilUnder: 0.1) {
                let start = Date()
                let answer = try server.ask("GET", "/health")
                #expect(answer.status == 200, sourceLocation: sourceLocation)
                return Date().timeIntervalSince(start)
            }
            #expect(times.last ?? 1 < 0.1, "health after \(what): \(times)", sourceLocation: sourceLocation)
            #expect(
                try server.goodAnswer() == HostileTarget.goodAnswer.get(), "after \(what)",
                sourceLocation: sourceLocation)
        }

        /// An answer that refuses in OpenAI's envelope and tells nothing of the inside.
        private func refuses(
            _ answer: RawAnswer, _ status: Int, param: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(answer.status == status, "\(answer.text.prefix(400))", sourceLocation: sourceLocation)
            #expect(answer.error != nil, "no envelope: \(answer.text.prefix(400))", sourceLocation: sourceLocation)
            if let param { #expect(answer.param == param, "\(answer.message)", sourceLocation: sourceLocation) }
            for secret in ["/home", "/tmp", "/work", ".swift", ".build", "0x0000", "Optional("] {
                #expect(!answer.message.contains(secret), "\(answer.message)", sourceLocation: sourceLocation)
            }
        }

        private func chat(with members: String) throws -> RawAnswer {
            try server.chat(#"{"messages":[{"role":"user","content":"Hello"}],"max_tokens":4,\#(members)}"#)
        }

        // MARK: R1

        @Test func `R1 - a body declared longer than 32 MiB is refused before it is sent`() throws {
            let connection = try RawConnection(port: server.port)
            connection.send(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: \(33 << 20)\r\n\r\n")
            refuses(try #require(connection.answer()), 413)
            try survives("a long body")
        }

        @Test func `R1 - a chunked body is refused while it is read`() throws {
            let connection = try RawConnection(port: server.port)
            connection.send(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = Array("100000\r\n".utf8) + [UInt8](repeating: 0x20, count: 1 << 20) + Array("\r\n".utf8)
            for _ in 0..<33 { guard connection.send(chunk) else { break } }
            refuses(try #require(connection.answer()), 413)
            try survives("a long chunked body")
        }

        @Test(arguments: [1, 2000]) func `R1 - headers of more than 64 KiB are refused`(fields: Int) throws {
            let connection = try RawConnection(port: server.port)
            let filler = String(repeating: "x", count: (80 << 10) / fields)
            let headers = (0..<fields).map { "X-\($0): \(filler)\r\n" }.joined()
            connection.send("GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)\r\n")
            let answer = connection.answer()
            #expect(answer?.status == 431, "\(String(describing: answer))")
            try survives("long headers")
        }

        @Test(arguments: ["depth", "keys", "twice"])
        func `R1 - JSON too deep, too wide or ambiguous is refused in 50 ms`(
            kind: String
        ) throws {
            let body: String =
                switch kind {
                case "depth":
                    #"{"a":"# + String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000) + "}"
                case "keys": "{" + (0..<1_000_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}"
                default: #"{"model":"a","model":"b","messages":[]}"#
                }
            let request = RawConnection.request("POST", "/v1/chat/completions", body: Array(body.utf8))
            let times = try EndToEnd.times(untilUnder: 0.05) {
                let connection = try RawConnection(port: server.port)
                connection.send(Array(request.dropLast()))
                let start = Date()
                connection.send(Array(request.suffix(1)))
                let answer = try #require(connection.answer())
                refuses(answer, 400)
                if kind == "keys" { #expect(answer.message.contains("more than 40000 keys")) }
                return Date().timeIntervalSince(start)
            }
            #expect(times.last ?? 1 < 0.05, "\(times)")
            try survives(kind)
        }

        // MARK: R2

        @Test(arguments: [
            "NaN", "1e999", "-1e999", String(repeating: "9", count: 400), String(repeating: "9", count: 4000),
            "Infinity", "01", "+1", "0x1",
        ])
        func `R2 - what is no number in JSON is refused`(number: String) throws {
            refuses(try chat(with: #""temperature":\#(number)"#), 400)
            try survives(number)
        }

        @Test(arguments: [
            ("temperature", "-1"), ("temperature", "1e308"), ("top_p", "-1"), ("top_p", "2"), ("max_tokens", "-1"),
            ("max_tokens", "0"), ("max_tokens", "1.5"), ("max_tokens", "9223372036854775808"), ("max_tokens", "\"4\""),
            ("max_completion_tokens", "-1"), ("n", "-1"), ("n", "0"), ("top_k", "-2"), ("min_tokens", "-1"),
            ("min_p", "-0.1"),
            ("repetition_penalty", "-1"), ("frequency_penalty", "1e300"), ("presence_penalty", "-3"), ("seed", "1.5"),
            ("seed", "18446744073709551616"), ("stream", "1"), ("stop", "7"), ("logit_bias", "[]"), ("tools", "{}"),
        ])
        func `R2 - a number out of its range is refused by name`(name: String, value: String) throws {
            // `max_tokens` stands in the usual request too, where it would be there twice.
            let body = #"{"messages":[{"role":"user","content":"Hello"}],"\#(name)":\#(value)}"#
            refuses(try server.chat(body), 400, param: name)
            try survives("\(name) \(value)")
        }

        // MARK: R3

        @Test func `R3 - bytes that are no UTF-8 are refused`() throws {
            let body =
                Array(#"{"messages":[{"role":"user","content":""#.utf8) + [0xC3, 0x28, 0xFF] + Array(#""}]}"#.utf8)
            refuses(try server.ask("POST", "/v1/chat/completions", body: body), 400)
            try survives("invalid UTF-8")
        }

        @Test(arguments: [#"\ud800"#, #"\udc00x"#, #"\ud800\u0041"#, #"\u0000"#, #"\u"#])
        func `R3 - half a surrogate pair or NUL is refused or taken, and never breaks anything`(escape: String) throws {
            let answer = try server.chat(
                #"{"messages":[{"role":"user","content":"a\#(escape)b"}],"max_tokens":2}"#)
            #expect([200, 400].contains(answer.status), "\(answer.text)")
            if answer.status == 400 { refuses(answer, 400) }
            try survives(escape)
        }

        @Test func `R3 - each streamed piece is valid UTF-8 where characters span tokens`() throws {
            let tokens = try server.ask(
                "POST", "/v1/tokenize", body: Array(#"{"prompt":"🤔🦆","add_special_tokens":false}"#.utf8))
            let ids = try #require(tokens.json["tokens"] as? [Int])
            #expect(ids.count > 2, "the characters must span tokens")
            let bias = Set(ids).map { "\"\($0)\":100" }.joined(separator: ",")
            let connection = try RawConnection(port: server.port)
            let body =
                #"{"prompt":"x","stream":true,"max_tokens":40,"ignore_eos":true,"seed":5,"logit_bias":{\#(bias)}}"#
            connection.send(RawConnection.request("POST", "/v1/completions", body: Array(body.utf8)))
            let answer = try #require(connection.answer())
            #expect(answer.status == 200)
            let lines = answer.body.split(separator: 0x0A).filter { $0.starts(with: Array("data: {".utf8)) }
            #expect(lines.count > 1)
            for line in lines { #expect(String(validating: line, as: UTF8.self) != nil) }
            try survives("characters in pieces")
        }

        // MARK: R4

        @Test(arguments: [
            (#""n":1000000"#, "n"), (#""stop":["# + String(repeating: "\"x\",", count: 99_999) + "\"x\"]", "stop"),
            (#""stop":""# + String(repeating: "x", count: 1 << 20) + "\"", "stop"),
            (#""logit_bias":{"abc":1}"#, "logit_bias"),
            (#""logit_bias":{"99999999":1}"#, "logit_bias"), (#""logit_bias":{"-1":1}"#, "logit_bias"),
            (#""logit_bias":{"5":1e9}"#, "logit_bias"), (#""logprobs":true,"top_logprobs":1000000"#, "top_logprobs"),
            (#""min_tokens":100"#, "min_tokens"), (#""stop_token_ids":[99999999]"#, "stop_token_ids"),
        ])
        func `R4 - more than a request may ask for is refused by name`(members: String, param: String) throws {
            refuses(try chat(with: members), 400, param: param)
            try survives(String(members.prefix(40)))
        }

        @Test(arguments: [
            (#""stream_options":7"#, "stream_options"),
            (#""stream_options":{"include_usage":"yes"}"#, "stream_options.include_usage"),
        ])
        func `options of a stream that can't be read are refused by name`(members: String, param: String) throws {
            refuses(try chat(with: #""stream":true,\#(members)"#), 400, param: param)
            let body = #"{"prompt":"Hello","stream":true,\#(members)}"#
            refuses(try server.ask("POST", "/v1/completions", body: Array(body.utf8)), 400, param: param)
        }

        @Test func `R1 - 64 prompts of 8192 token ids are few enough values`() throws {
            let prompt = "[" + Array(repeating: "5000", count: 8192).joined(separator: ",") + "]"
            let body = #"{"prompt":[\#(Array(repeating: prompt, count: 64).joined(separator: ","))]}"#
            let answer = try server.ask("POST", "/v1/completions", body: Array(body.utf8))
            // This server's context is shorter; what counts is that the JSON was read.
            #expect(answer.code == "context_length_exceeded", "\(answer.text.prefix(300))")
        }

        @Test func `R4 - a hundred thousand prompts are refused`() throws {
            let prompts = String(repeating: "\"x\",", count: 99_999) + "\"x\""
            refuses(
                try server.ask("POST", "/v1/completions", body: Array(#"{"prompt":[\#(prompts)]}"#.utf8)), 400,
                param: "prompt")
            try survives("100,000 prompts")
        }

        // MARK: R6

        @Test(arguments: [
            (
                #"{"role":"user","content":[{"type":"text","text":"a"},{"type":"hologram"}]}"#,
                "messages[3].content[1].type"
            ),
            (#"{"role":"user","content":{}}"#, "messages[3].content"),
            (#"{"role":"user","content":7}"#, "messages[3].content"),
            (#"{"role":"tool","content":"x"}"#, "messages[3].tool_call_id"),
            (#"{"role":"wizard","content":"x"}"#, "messages[3].role"),
            (#"7"#, "messages[3]"), (#"{"role":"user"}"#, "messages[3].content"),
            (#"{"role":"user","content":[{"type":"text"}]}"#, "messages[3].content[0].text"),
        ])
        func `R6 - a message that can't be read is refused by its place`(message: String, param: String) throws {
            let before =
                #"{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}"#
            refuses(try server.chat(#"{"messages":[\#(before),\#(message)]}"#), 400, param: param)
            try survives(param)
        }

        // MARK: R7, R8

        private func schema(_ schema: String) throws -> RawAnswer {
            try chat(
                with:
                    #""response_format":{"type":"json_schema","json_schema":{"name":"s","strict":true,"schema":\#(schema)}}"#
            )
        }

        @Test(arguments: [
            "lookbehind", "parentheses", "repetition", "depth", "loop", "enum", "caret",
        ])
        func `R7 - a schema that would cost without bound is refused in time`(kind: String) throws {
            func pattern(_ text: String) -> String { #"{"type":"string","pattern":"\#(text)"}"# }
            let text: String =
                switch kind {
                case "lookbehind": pattern("(?<=x)*")
                case "caret": pattern("^{2}")
                case "parentheses": pattern(String(repeating: "(", count: 60_000))
                case "repetition": pattern("x{0,1000000000}")
                case "depth":
                    String(repeating: #"{"type":"array","items":"#, count: 10_000) + "{}"
                        + String(repeating: "}", count: 10_000)
                case "loop": ##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##
                default: #"{"enum":["# + (0..<1_000_000).map { "\"\($0)\"" }.joined(separator: ",") + "]}"
                }
            let start = Date()
            refuses(try schema(text), 400)
            #expect(Date().timeIntervalSince(start) < 5)
            try survives(kind)
        }

        @Test func `R7 - a pattern that hangs backtracking engines is refused, or kept to in time`() throws {
            let start = Date()
            let answer = try schema(#"{"type":"string","pattern":"^(a+)+b$"}"#)
            #expect([200, 400].contains(answer.status), "\(answer.text)")
            #expect(Date().timeIntervalSince(start) < 5)
            try survives("(a+)+b")
        }

        @Test(arguments: [
            #"{"type":"banana"}"#, #"{"type":7}"#, #"{"properties":[]}"#, #"{"type":"string","pattern":"["}"#,
            #"{"type":"string","pattern":"(?P<x>"}"#, #"{"$ref":"http://evil/schema"}"#, #"{"enum":[]}"#,
            #"{"minItems":-1,"type":"array"}"#,
            #"{"required":"name","type":"object"}"#,
        ])
        func `R8 - an invalid schema is refused at admission, never answered with free text`(text: String) throws {
            let before = try server.metric("hybrie_requests_total")
            refuses(try schema(text), 400)
            #expect(try server.metric("hybrie_requests_total") == before, "the engine must not see it")
            try survives(text)
        }

        @Test(arguments: [
            (#"{"type":"banana","function":{"name":"f"}}"#, "tools[0].type"),
            (#"{"type":"function"}"#, "tools[0].function.name"),
            (#"{"type":"function","function":{"name":"a b"}}"#, "tools[0].function.name"),
            (#"{"type":"function","function":{"name":"f","parameters":7}}"#, "tools[0].function.parameters"),
        ])
        func `R8 - an invalid tool is refused by its place`(tool: String, param: String) throws {
            refuses(try chat(with: #""tools":[\#(tool)]"#), 400, param: param)
            try survives(tool)
        }
    }
}

/// The server that all hostile requests go to.
enum HostileTarget {
    /// Written once, at its first use, and ended with the tests' process.
    nonisolated(unsafe) static let server = Result {
        let server = try RunningServer()
        atexit { HostileTarget.end() }
        return server
    }
    static let goodAnswer = Result { try server.get().goodAnswer() }

    private static func end() { _ = try? server.get().stop() }
}
