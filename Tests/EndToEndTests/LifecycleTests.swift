import Foundation
import Testing

extension EndToEnd {
    /// Starting, ending, and everything that keeps a server from starting.
    @Suite final class LifecycleTests {
        /// Where a test's settings file lies.
        private let folder = NSTemporaryDirectory() + "hybrie-settings-\(UUID().uuidString)"
        deinit { try? FileManager.default.removeItem(atPath: folder) }

        #if os(Linux)
            @Test func `the binary runs where no Swift is installed`() throws {
                let (code, output) = try RunningServer.run(["/usr/bin/env", "ldd", RunningServer.binary])
                #expect(code == 0 && output.contains("libc.so"), "\(output)")
                #expect(!output.contains("swift") && !output.contains("Foundation"), "\(output)")
            }
        #endif

        @Test func `F6 - a taken port ends the start with code 1 and its number`() throws {
            let server = try RunningServer()
            let (code, output) = try Self.hybrie(["serve", RunningServer.starter, "--port", "\(server.port)"])
            #expect(code == 1, "\(output)")
            #expect(output.contains("\(server.port)") && output.contains("--port"), "\(output)")
            #expect(server.stop() == 0)
        }

        @Test func `F6 - SIGTERM lets a stream that runs come to its end, and the code is 0`() throws {
            let server = try RunningServer()
            let stream = try Self.stream(from: server, maxTokens: 60)
            let start = Date()
            server.process.terminate()
            // The answer comes whole, though the server has been told to end.
            #expect(stream.read(to: "data: [DONE]") != nil, "\(server.log)")
            server.process.waitUntilExit()
            #expect(Date().timeIntervalSince(start) < 32)
            #expect(server.stop() == 0)
        }

        @Test func `F6 - a stream that doesn't end is ended within 30 seconds of SIGTERM`() throws {
            let server = try RunningServer()
            let stream = try Self.stream(from: server, maxTokens: nil)
            let start = Date()
            server.process.terminate()
            _ = stream.isClosed()
            server.process.waitUntilExit()
            #expect(Date().timeIntervalSince(start) < 32)
            #expect(server.stop() == 0)
        }

        @Test func `F6 - a second SIGTERM ends it at once`() throws {
            let server = try RunningServer()
            let stream = try Self.stream(from: server, maxTokens: nil)
            server.process.terminate()
            try server.wait("the first signal to be seen") { server.log.contains("shutting down") }
            #expect(server.process.isRunning, "the stream keeps it")
            let start = Date()
            server.process.terminate()
            server.process.waitUntilExit()
            #expect(Date().timeIntervalSince(start) < 3)
            stream.close()
            _ = server.stop()
        }

        @Test func `F7 - a model larger than memory is refused with all figures`() throws {
            let server = try RunningServer(environment: ["HYBRIE_MEMORY_MIB": "64"], waitsForModel: false)
            let answer = try server.chat(#"{"messages":[{"role":"user","content":"Hello"}]}"#)
            #expect(answer.status == 500)
            #expect(answer.code == "model_load_failed")
            #expect(answer.headers["x-should-retry"] == "false", "a lasting failure isn't retried")
            for figure in ["weights", "context", "0.06 GiB are available", "GiB for"] {
                #expect(answer.message.contains(figure), "\(answer.message)")
            }
            #expect(!answer.message.contains("/"), "no path: \(answer.message)")
            #expect(try server.ask("GET", "/health").status == 200)
            #expect(server.stop() == 0)
        }

        @Test func `F7 - a context that doesn't fit is refused with one that would`() throws {
            let server = try RunningServer(
                environment: ["HYBRIE_MEMORY_MIB": "520"], arguments: ["--context", "8192"], waitsForModel: false)
            let answer = try server.chat(#"{"messages":[{"role":"user","content":"Hello"}]}"#)
            #expect(answer.status == 500)
            #expect(answer.message.contains("would fit: use --context"), "\(answer.message)")
            #expect(server.stop() == 0)
        }

        @Test func `bound beyond loopback without a key, one is made, kept for its owner only and shown once`() throws {
            let home = NSTemporaryDirectory() + "hybrie-open-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: home) }
            let first = try RunningServer(environment: ["HYBRIE_HOME": home], arguments: ["--host", "0.0.0.0"])
            let path = "\(home)/api_key"
            let key = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
            #expect(first.log.components(separatedBy: key).count == 2, "shown once")
            #expect(try first.ask("GET", "/v1/models").status == 401)
            #expect(try first.ask("GET", "/v1/models", ["Authorization": "Bearer \(key)"]).status == 200)
            _ = first.stop()
            let second = try RunningServer(environment: ["HYBRIE_HOME": home], arguments: ["--host", "0.0.0.0"])
            #expect(!second.log.contains(key), "not shown again")
            #expect(try second.ask("GET", "/v1/models", ["Authorization": "Bearer \(key)"]).status == 200)
            _ = second.stop()
        }

        @Test func `an unknown provider is a start-up error that names it`() throws {
            let (code, output) = try Self.hybrie(
                ["serve", "--port", "0"], ["INFERENCE_ALLOWED_PROVIDERS": "local,clowd"])
            #expect(code != 0)
            #expect(output.contains("'clowd'") && output.contains("INFERENCE_ALLOWED_PROVIDERS"), "\(output)")
        }

        @Test func `a cloud endpoint in the file is refused at the start of local-only operation`() throws {
            let file = try settings("[hybrid]\ncloud_endpoints = [\"http://node:8080\"]\n")
            let (code, output) = try Self.hybrie(
                ["serve", "--port", "0", "--config", file], ["INFERENCE_ALLOWED_PROVIDERS": "local"])
            #expect(code != 0)
            #expect(output.contains("cloud_endpoints") && output.contains("INFERENCE_ALLOWED_PROVIDERS"), "\(output)")
        }

        @Test func `local-only operation permits no downloads, and says by which rule`() throws {
            let (code, output) = try Self.hybrie(["pull", "hf://owner/name"], ["INFERENCE_ALLOWED_PROVIDERS": "local"])
            #expect(code != 0)
            #expect(output.contains("INFERENCE_ALLOWED_PROVIDERS"), "\(output)")
        }

        @Test(arguments: [
            ("prot = 8080\n", "'prot'"), ("[hybrid]\ncloud_endpoint = []\n", "'hybrid.cloud_endpoint'"),
            ("port = \"8080\"\n", "'port'"), ("port = 70000\n", "70000"), ("port = \n", "settings.toml"),
        ])
        func `a fault in the settings file is named at the start`(text: String, named: String) throws {
            let (code, output) = try Self.hybrie(["serve", "--config", try settings(text)])
            #expect(code != 0)
            #expect(output.contains(named) && output.contains("settings.toml"), "\(output)")
        }

        @Test func `a flag goes before the environment, and that before the file`() throws {
            let file = try settings("port = 70001\nthreads = 70002\n")
            // Values out of range show in the error where they were taken from.
            func fault(_ arguments: [String], _ environment: [String: String]) throws -> String {
                try Self.hybrie(["serve", "--config", file] + arguments, environment).output
            }
            #expect(try fault([], [:]).contains("70001"))
            #expect(try fault([], ["HYBRIE_PORT": "70003"]).contains("HYBRIE_PORT is 70003"))
            #expect(try fault(["--port", "70004"], ["HYBRIE_PORT": "70003"]).contains("--port is 70004"))
            #expect(try fault(["--port", "0"], ["HYBRIE_PORT": "70003"]).contains("70002"))
        }

        /// A stream that has begun.
        private static func stream(from server: RunningServer, maxTokens: Int?) throws -> RawConnection {
            let connection = try RawConnection(port: server.port, timeoutSeconds: 60)
            let length = maxTokens.map { #","max_tokens":\#($0)"# } ?? ""
            let body = #"{"messages":[{"role":"user","content":"Count."}],"stream":true,"ignore_eos":true\#(length)}"#
            connection.send(RawConnection.request("POST", "/v1/chat/completions", body: Array(body.utf8)))
            guard connection.head()?.status == 200, connection.read(to: #""content":""#) != nil else {
                throw ServerFault(what: "no stream: \(server.log)")
            }
            return connection
        }

        private func settings(_ text: String) throws -> String {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try text.write(toFile: "\(folder)/settings.toml", atomically: true, encoding: .utf8)
            return "\(folder)/settings.toml"
        }

        private static func hybrie(_ arguments: [String], _ environment: [String: String] = [:]) throws
            -> (code: Int32, output: String)
        {
            let home = NSTemporaryDirectory() + "hybrie-none-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: home) }
            let variables = ["HYBRIE_HOME": home].merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
            return try RunningServer.run(
                ["/usr/bin/timeout", "60", "/usr/bin/env"] + variables + [RunningServer.binary] + arguments)
        }
    }
}
