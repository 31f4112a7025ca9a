import Foundation
import Providers
import Testing

extension EndToEnd {
    /// Section 9 of the first issue: with INFERENCE_ALLOWED_PROVIDERS=local nothing leaves the machine.
    @Suite struct LocalOnlyTests {
        @Test func `start-up, chat, a refused cloud model and shutdown reach nothing but this machine`() throws {
            let folder = NSTemporaryDirectory() + "hybrie-trace-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let strace = [
                "strace", "-f", "-qq", "-s", "256", "-e", "trace=\(ConnectTrace.tracedCalls)", "-o", "\(folder)/trace",
            ]
            let server = try RunningServer(
                environment: ["INFERENCE_ALLOWED_PROVIDERS": "local"],
                wrapper: strace + ["sh", "-c", #"echo $$ > "$0"; exec "$@""#, "\(folder)/pid"])
            #expect(try server.goodAnswer().isEmpty == false)
            let refused = try server.chat(#"{"model":"cloud/gpt","messages":[{"role":"user","content":"Hello"}]}"#)
            #expect(refused.status == 403)
            #expect(refused.code == "INFERENCE_ALLOWED_PROVIDERS")
            #expect(refused.message.contains("INFERENCE_ALLOWED_PROVIDERS"))
            let hybrid = try server.chat(
                #"{"messages":[{"role":"user","content":"Hello"}]}"#, ["x-hybrie-execution-mode": "hybrid"])
            #expect(hybrid.status == 403)
            // The tracer keeps signals from itself; the server's own id is what the shell told.
            let text = try String(contentsOfFile: "\(folder)/pid", encoding: .utf8)
            let id = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
            kill(id, SIGTERM)
            server.process.waitUntilExit()
            #expect(server.process.terminationStatus == 0)
            let trace = ConnectTrace(try String(contentsOfFile: "\(folder)/trace", encoding: .utf8))
            #expect(trace.offending.isEmpty, "\(trace.offending)")
            #expect(trace.calls > 0, "a trace without a single call is no trace")
            _ = server.stop()
        }

        @Test(arguments: [
            #"77 connect(5, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("93.184.216.34")}, 16) = -1 EINPROGRESS"#,
            #"77 connect(5, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("10.0.0.1")}, 16 <unfinished ...>"#,
            #"77 connect(5, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0"#,
            #"connect(5, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2606:4700::1", &sin6_addr), sin6_scope_id=0}, 28) = 0"#,
            #"77 sendto(9, "sa_family=AF_UNIX", 17, 0, {sa_family=AF_INET, sin_port=htons(5353), sin_addr=inet_addr("224.0.0.251")}, 16) = 17"#,
            #"77 sendmsg(9, {msg_name={sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr("100.64.0.1")}, msg_namelen=16, msg_iov=[{iov_base="x\"y", iov_len=3}], msg_iovlen=1}, 0) = 3"#,
            #"77 connect(5, {sa_family=AF_VSOCK, svm_cid=0x2, svm_port=0x1}, 16) = 0"#,
            #"77 connect(5, 0x7ffd1234, 16) = -1 EFAULT (Bad address)"#,
            "77 io_uring_setup(32, {flags=0}) = 7",
        ])
        func `a line of a trace that shows something leaving is flagged`(line: String) {
            #expect(ConnectTrace(line).offending == [line])
        }

        @Test(arguments: [
            #"77 connect(5, {sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("127.0.0.1")}, 16) = 0"#,
            #"77 connect(5, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0"#,
            #"77 connect(5, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (No such file or directory)"#,
            #"77 sendto(6, [{nlmsg_len=20}], 20, 0, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 20"#,
            #"77 sendto(6, "sa_family=AF_INET, inet_addr(\"8.8.8.8\")", 40, 0, NULL, 0) = 40"#,
            "77 <... connect resumed>) = 0",
            "77 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=1, si_uid=0} ---",
            "77 +++ exited with 0 +++",
        ])
        func `a line of a trace that shows nothing leaving isn't flagged`(line: String) {
            #expect(ConnectTrace(line).offending.isEmpty)
        }

        @Test func `hybrie doctor --prove-local shows what it saw and says that nothing left`() throws {
            let home = NSTemporaryDirectory() + "hybrie-doctor-\(UUID().uuidString)"
            let (code, output) = try Self.doctor(
                ["--prove-local", "--model", RunningServer.starter, "--port", "0"], home: home)
            #expect(code == 0, "\(output)")
            #expect(output.contains("verdict: nothing left this machine"))
            #expect(output.contains("strace saw"))
            #expect(output.contains("refused with 403 by INFERENCE_ALLOWED_PROVIDERS"))
        }

        @Test func `hybrie doctor --json is one JSON object with a state for each finding`() throws {
            let home = NSTemporaryDirectory() + "hybrie-doctor-\(UUID().uuidString)"
            let (code, output) = try Self.doctor(["--json", "--port", "0"], home: home)
            #expect(code == 0, "\(output)")
            let object = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
            #expect(object["ok"] as? Bool == true)
            let findings = try #require(object["findings"] as? [[String: Any]])
            let names = Set(findings.compactMap { $0["name"] as? String })
            #expect(
                names.isSuperset(of: ["processor", "cores", "memory", "bandwidth", "port", "home", "models", "policy"]))
            for finding in findings where finding["state"] as? String != "good" {
                #expect(finding["advice"] is String, "\(finding) says what to do")
            }
        }

        @Test func `the doctor ends with 1 and says what to do when something is broken`() throws {
            let (code, output) = try Self.doctor(["--port", "0"], home: "/dev/null/home")
            #expect(code == 1, "\(output)")
            #expect(output.contains("BAD") && output.contains("HYBRIE_HOME"))
        }

        private static func doctor(_ arguments: [String], home: String) throws -> (code: Int32, output: String) {
            try RunningServer.run(["/usr/bin/env", "HYBRIE_HOME=\(home)", RunningServer.binary, "doctor"] + arguments)
        }
    }
}
