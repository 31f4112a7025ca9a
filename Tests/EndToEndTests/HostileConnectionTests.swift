import Foundation
import Testing

extension EndToEnd {
    /// Section 2 of TRUST: R11 to R15, what happens below and around a request.
    @Suite(.serialized) struct HostileConnectionTests {
        private let server: RunningServer

        init() throws { server = try HostileTarget.server.get() }

        private func survives(sourceLocation: SourceLocation = #_sourceLocation) throws {
            #expect(server.process.isRunning, sourceLocation: sourceLocation)
            #expect(try server.ask("GET", "/health").status == 200, sourceLocation: sourceLocation)
            #expect(try server.goodAnswer() == HostileTarget.goodAnswer.get(), sourceLocation: sourceLocation)
        }

        // MARK: R11, R12

        @Test func `R11 - a wrong key gets the same answer as none`() throws {
            let server = try RunningServer(environment: ["HYBRIE_API_KEY": "secret-key-of-this-test"])
            let none = try server.ask("GET", "/v1/models")
            #expect(none.status == 401)
            #expect(none.code == "invalid_api_key")
            for wrong in [
                "Bearer wrong", "Bearer secret-key-of-this-tes", "Bearer secret-key-of-this-testt", "Basic x",
                "Bearer ",
            ] {
                let answer = try server.ask("GET", "/v1/models", ["Authorization": wrong])
                #expect(answer.status == 401)
                #expect(answer.body == none.body, "\(wrong)")
            }
            let right = ["Authorization": "Bearer secret-key-of-this-test"]
            #expect(try server.ask("GET", "/v1/models", right).status == 200)
            #expect(try server.ask("GET", "/metrics").status == 401)
            #expect(server.stop() == 0)
            #expect(!server.log.contains("secret-key-of-this-test"))
        }

        @Test(arguments: [
            ["Host": "evil.example"], ["Host": "evil.example:8080"], ["Host": "127.0.0.1.evil.example"],
            ["Host": "127.evil.example.com"],
            ["Origin": "http://evil.example"], ["Origin": "null"], ["Origin": "http://localhost.evil.example"],
            ["Origin": "http://127.0.0.1@evil.example"],
        ])
        func `R12 - another site's page is refused`(headers: [String: String]) throws {
            let answer = try server.ask("GET", "/v1/models", headers)
            #expect(answer.status == 403)
            #expect(answer.code == "foreign_origin")
            try survives()
        }

        @Test(arguments: [["Host": "localhost:8080"], ["Host": "[::1]:8080"], ["Origin": "http://localhost:3000"]])
        func `R12 - this machine's own names are taken, and no page is given the right to read`(
            headers: [String: String]
        ) throws {
            let answer = try server.ask("GET", "/v1/models", headers)
            #expect(answer.status == 200)
            #expect(answer.headers["access-control-allow-origin"] != "*")
        }

        // MARK: R13

        @Test(arguments: [
            "POST /v1/tokenize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /v1/tokenize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            "GET /health HTTP/1.1\nHost: 127.0.0.1\n\n",
            "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\nY: b\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX : a\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\u{0}b\r\n\r\n",
            "POST /v1/tokenize HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            "POST /v1/tokenize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
        ])
        func `R13 - a request that two readers could read differently is refused and the connection closed`(
            text: String
        ) throws {
            let connection = try RawConnection(port: server.port, timeoutSeconds: 20)
            connection.send(text)
            // A second request behind it must never be answered.
            connection.send("GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            let first = connection.answer()
            #expect(first?.status == 400, "\(String(describing: first)) to \(text.debugDescription)")
            #expect(connection.isClosed())
            try survives()
        }

        @Test func `R13 - line ends in a value that is echoed don't become headers`() throws {
            let answer = try server.chat(
                #"{"messages":[{"role":"user","content":"Hello"}],"max_tokens":1,"a\r\nx-injected: yes":1,"ok":2}"#)
            #expect(answer.status == 200)
            #expect(answer.headers["x-injected"] == nil)
            #expect(answer.headers["x-hybrie-warning"]?.contains("ok") == true)
            let named = try server.chat(#"{"model":"x\r\nx-injected: yes","messages":[]}"#)
            #expect(named.status == 404)
            #expect(named.headers["x-injected"] == nil)
            try survives()
        }

        // MARK: R14

        @Test func `R14 - headers that come a byte a second end in ten`() throws {
            // Each look at the other side takes the second between two bytes.
            let connection = try RawConnection(port: server.port, timeoutSeconds: 1)
            let start = Date()
            connection.send("GET /health HTTP/1.1\r\nX-Slow: ")
            while Date().timeIntervalSince(start) < 16, connection.send("x"), !connection.isClosed() {}
            #expect(Date().timeIntervalSince(start) < 15)
            try survives()
        }

        /// Ten thousand, or as many as the system lets the tests open beside what they need.
        @Test func `R14 - ten thousand idle connections don't keep others out`() throws {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let count = min(10_000, Int(clamping: limit.rlim_max) - 512)
            let before = try server.descriptors
            // One that has asked something may be silent for longer than one that never did.
            let idle = try (0..<count).map { _ in
                let connection = try RawConnection(port: server.port)
                connection.send(RawConnection.request("GET", "/health", ["Connection": "keep-alive"]))
                try #require(connection.answer()?.status == 200)
                return connection
            }
            try survives()
            let open = try server.descriptors
            #expect(open > count, "they must still be open")
            for connection in idle { connection.close() }
            try server.wait("the descriptors to fall back") { (try? server.descriptors) ?? .max <= before + 8 }
            try survives()
        }

        @Test func `R14 - a server that may open few files keeps some for itself, and takes who waits later`() throws {
            let server = try RunningServer(wrapper: ["prlimit", "--nofile=256:256"])
            // Far more than there are descriptors: what isn't taken waits in the system's queue.
            var idle: [RawConnection] = []
            for _ in 0..<300 { idle.append(try RawConnection(port: server.port)) }
            try server.wait("it to be full") { (try? server.descriptors) ?? 0 >= 128 }
            #expect(try server.descriptors < 256)
            for connection in idle { connection.close() }
            #expect(try server.ask("GET", "/health").status == 200)
            #expect(server.process.isRunning)
            #expect(server.stop() == 0)
        }

        // MARK: Connections that are used again

        private func completion(_ port: Int, stream: Bool) -> [UInt8] {
            let body = #"{"prompt":"Hello","max_tokens":3,"temperature":0,"stream":\#(stream)}"#
            return RawConnection.request(
                "POST", "/v1/completions", ["Connection": "keep-alive"], body: Array(body.utf8))
        }

        @Test func `requests follow each other on one connection, streamed or not`() throws {
            let connection = try RawConnection(port: server.port)
            for stream in [false, true, true, false, false] {
                connection.send(completion(server.port, stream: stream))
                let answer = try #require(connection.answer())
                #expect(answer.status == 200)
                #expect(answer.headers["connection"] != "close")
                #expect(answer.text.contains("[DONE]") == stream)
            }
            connection.close()
            try isIdle()
        }

        @Test func `requests that don't wait for the answer before are answered in their order`() throws {
            let connection = try RawConnection(port: server.port)
            let streams = [true, false, true, false]
            connection.send(streams.flatMap { completion(server.port, stream: $0) })
            for stream in streams {
                let answer = try #require(connection.answer())
                #expect(answer.status == 200)
                #expect(answer.text.contains("[DONE]") == stream)
            }
            try survives()
        }

        @Test func `R15 - a client that leaves with more requests behind the first frees its sequence`() throws {
            let before = try server.metric("hybrie_generated_tokens_total")
            let connection = try stream("Count.", ["Connection": "keep-alive"])
            connection.send((0..<20).flatMap { _ in completion(server.port, stream: true) })
            #expect(connection.read(to: "data: ") != nil)
            connection.close()
            try isIdle()
            #expect(try server.metric("hybrie_generated_tokens_total") - before < 200, "it must not go on for nobody")
            try survives()
        }

        @Test func `R15 - a client that leaves before an answer that isn't streamed frees its sequence`() throws {
            let before = try server.metric("hybrie_generated_tokens_total")
            let connection = try RawConnection(port: server.port)
            let body = #"{"prompt":"Count.","max_tokens":1500,"ignore_eos":true}"#
            connection.send(RawConnection.request("POST", "/v1/completions", body: Array(body.utf8)))
            try server.wait("it to run") { (try? server.metric("hybrie_generated_tokens_total")) ?? 0 > before }
            connection.close()
            try isIdle()
            #expect(try server.metric("hybrie_generated_tokens_total") - before < 200, "it must not go on for nobody")
            try survives()
        }

        @Test func `R15 - a client that leaves while its texts are embedded frees them`() throws {
            let before = try server.metric("hybrie_requests_abandoned_total")
            let connection = try RawConnection(port: server.port)
            let text = "\"" + String(repeating: "word ", count: 1500) + "\""
            let body = #"{"input":[\#(Array(repeating: text, count: 20).joined(separator: ","))]}"#
            connection.send(RawConnection.request("POST", "/v1/embeddings", body: Array(body.utf8)))
            try server.wait("it to run") { (try? server.metric("hybrie_running_sequences")) == 1 }
            connection.close()
            // Between two of its texts nothing runs either.
            try server.wait("it to be given up") {
                (try? server.metric("hybrie_requests_abandoned_total")) == before + 1
            }
            try isIdle()
            try survives()
        }

        // MARK: R15

        /// Waits until nothing runs or waits and the cache is free.
        private func isIdle() throws {
            try server.wait("the sequences to end and to leave no page in use") {
                ["hybrie_running_sequences", "hybrie_queue_requests", "hybrie_kv_pages_used"]
                    .allSatisfy { (try? server.metric($0)) == 0 }
            }
        }

        private func stream(_ prompt: String, _ headers: [String: String] = [:]) throws -> RawConnection {
            let connection = try RawConnection(port: server.port)
            let body = #"{"messages":[{"role":"user","content":"\#(prompt)"}],"stream":true,"ignore_eos":true}"#
            connection.send(RawConnection.request("POST", "/v1/chat/completions", headers, body: Array(body.utf8)))
            return connection
        }

        @Test(arguments: [0, 1, 5]) func `R15 - a client that leaves at chunk k frees its sequence`(chunks: Int) throws
        {
            let before = try server.metric("hybrie_generated_tokens_total")
            // Without a chunk it leaves in the middle of a long prompt.
            let connection = try stream(chunks == 0 ? String(repeating: "word ", count: 1500) : "Count.")
            if chunks == 0 {
                try server.wait("it to run") { (try? server.metric("hybrie_running_sequences")) == 1 }
            }
            for _ in 0..<chunks { #expect(connection.read(to: "data: ") != nil) }
            connection.close()
            try isIdle()
            #expect(try server.metric("hybrie_generated_tokens_total") - before < 200, "it must not go on for nobody")
            try survives()
        }

        @Test func `R15 - more than the context holds is refused before it is computed`() throws {
            let before = try server.metric("hybrie_prompt_tokens_total")
            for body in [
                #"{"messages":[{"role":"user","content":"Hello"}],"max_tokens":100000}"#,
                #"{"messages":[{"role":"user","content":"\#(String(repeating: "word ", count: 5000))"}]}"#,
            ] {
                let answer = try server.chat(body)
                #expect(answer.status == 400)
                #expect(answer.code == "context_length_exceeded")
                #expect(answer.message.contains("2048"), "both counts: \(answer.message)")
            }
            #expect(try server.metric("hybrie_prompt_tokens_total") == before)
            try survives()
        }

        @Test
        func `R15 - when the queue is full the next is told to come again, and clients that leave the queue free it`()
            throws
        {
            var connections: [RawConnection] = []
            // As many as run; were all sent at once, the queue would be full before any runs and soon have room again.
            for _ in 0..<16 { connections.append(try stream("Count.")) }
            try server.wait("them to run") { (try? server.metric("hybrie_running_sequences")) == 16 }
            // Those that are taken answer with 200 only once they run; refusals come at once.
            for _ in 0..<84 { connections.append(try stream("Count.")) }
            try server.wait("the queue to fill") { (try? server.metric("hybrie_queue_requests")) == 64 }
            let extra = try server.chat(#"{"messages":[{"role":"user","content":"Hello"}],"max_tokens":1}"#)
            #expect(extra.status == 429, "\(extra.text.prefix(300))")
            #expect(extra.code == "queue_full")
            #expect(extra.headers["retry-after"].flatMap { Int($0) } ?? 0 > 0)
            #expect(extra.error != nil)
            #expect(try server.ask("GET", "/health").status == 200)
            for connection in connections { connection.close() }
            try isIdle()
            try survives()
        }
    }
}
