import API
import Foundation
import Testing

extension EndToEnd {
    /// R14 and F10: a reader that sleeps, one that is only slow, and an engine that hangs.
    @Suite(.serialized) struct SlowPartnerTests {
        private static func ask(_ port: Int, _ path: String) throws -> RawAnswer {
            let connection = try RawConnection(port: port)
            connection.send(RawConnection.request("GET", path))
            guard let answer = connection.answer() else { throw ServerFault(what: "no answer to \(path)") }
            return answer
        }

        private static func metric(_ port: Int, _ name: String) throws -> Int {
            let line = try ask(port, "/metrics").text.split(separator: "\n").first { $0.hasPrefix("\(name){") }
            return line?.split(separator: " ").last.flatMap { Int($0) } ?? -1
        }

        /// Waits until `isDone`; a minute guards against waiting for ever.
        private static func wait(_ what: String, until isDone: () throws -> Bool) throws {
            let deadline = Date(timeIntervalSinceNow: 60)
            while try !isDone() {
                guard Date() < deadline else { throw ServerFault(what: "waited in vain for \(what)") }
                usleep(20_000)
            }
        }

        @Test func `R14 - a reader that sleeps is cut off, and its sequences are freed`() async throws {
            var times = ConnectionTimes()
            times.write = .seconds(1)
            // Steps take long enough that the answer can't end before the reader is given up.
            try await LiveServer.run(on: try SlowDevice(stepSeconds: 0.02), times: times) { port in
                let connection = try RawConnection(port: port, receiveBytes: 4096)
                let body =
                    #"{"prompt":[1,2,3],"n":16,"max_tokens":4000,"logprobs":20,"stream":true,"ignore_eos":true}"#
                connection.send(RawConnection.request("POST", "/v1/completions", body: Array(body.utf8)))
                #expect(connection.head()?.status == 200)
                try Self.wait("the sequences to be called off") {
                    try Self.metric(port, "hybrie_requests_abandoned_total") == 16
                }
                #expect(try Self.metric(port, "hybrie_running_sequences") == 0)
                #expect(try Self.metric(port, "hybrie_kv_pages_used") == 0)
                // What the system still holds comes, but no end that would look like one.
                let rest = connection.rest()
                #expect(rest.isClosed)
                #expect(!String(decoding: rest.bytes, as: UTF8.self).contains("[DONE]"))
            }
        }

        @Test func `R14 - a reader that is only slow gets all of a long answer`() async throws {
            var times = ConnectionTimes()
            times.write = .seconds(2)
            try await LiveServer.run(on: try SlowDevice(), times: times) { port in
                let connection = try RawConnection(port: port, receiveBytes: 4096)
                let text = String(repeating: "a b ", count: 1 << 20)
                connection.send(
                    RawConnection.request("POST", "/v1/tokenize", body: Array(#"{"prompt":"\#(text)"}"#.utf8)))
                connection.bytesPerSecond = 1.5e6
                let answer = connection.answer()
                #expect(answer?.status == 200)
                #expect(answer?.body.count ?? 0 > 10_000_000, "of less the system itself keeps too much")
                #expect((answer?.json["tokens"] as? [Int])?.count == answer?.json["count"] as? Int)
            }
        }

        @Test func `answers of a model that is taken away end with an error, not as if they were whole`() async throws {
            try await LiveServer.run(on: try SlowDevice(stepSeconds: 0.02)) { port in
                let asked = try [false, true].map { streams in
                    let connection = try RawConnection(port: port)
                    let body = #"{"prompt":[1,2,3],"max_tokens":4000,"ignore_eos":true,"stream":\#(streams)}"#
                    connection.send(RawConnection.request("POST", "/v1/completions", body: Array(body.utf8)))
                    return connection
                }
                try Self.wait("both to run") { try Self.metric(port, "hybrie_running_sequences") == 2 }
                let unload = try RawConnection(port: port)
                unload.send(RawConnection.request("POST", "/v1/models/tiny/unload", body: []))
                #expect(unload.answer()?.status == 200)
                let whole = try #require(asked[0].answer())
                #expect(whole.status == 503)
                #expect(whole.message.contains("stopped"))
                let stream = try #require(asked[1].answer())
                #expect(stream.status == 200)
                #expect(stream.text.contains(#"data: {"error":{"message":"the engine has stopped"#))
                #expect(!stream.text.contains(#""finish_reason":"stop""#))
            }
        }

        @Test func `F10 - while the engine hangs health is 503, and 200 again when it goes on`() async throws {
            let device = try SlowDevice()
            try await LiveServer.run(on: device) { port in
                defer { device.hold(false) }
                #expect(try Self.ask(port, "/health").status == 200)
                device.hold(true)
                let connection = try RawConnection(port: port)
                let body = #"{"prompt":[1,2,3],"max_tokens":1}"#
                connection.send(RawConnection.request("POST", "/v1/completions", body: Array(body.utf8)))
                try Self.wait("the health to fall") { try Self.ask(port, "/health").status == 503 }
                let detailed = try Self.ask(port, "/v1/health")
                #expect(detailed.status == 503)
                #expect(detailed.text.contains(#""alive":false"#))
                device.hold(false)
                #expect(connection.answer()?.status == 200)
                try Self.wait("the health to come back") { try Self.ask(port, "/health").status == 200 }
            }
        }
    }
}
