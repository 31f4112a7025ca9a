import Foundation
import OrderedJSON
import Providers

/// Runs this program as a server in local-only operation while every attempt to reach an address is written down.
struct LocalProof {
    let configuration: Configuration
    let configFile: String?
    /// What to chat with, if there is anything.
    let model: String?

    /// Why nothing could be shown.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    func run() async throws -> Result {
        let folder = NSTemporaryDirectory() + "hybrie-proof-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let child = try TracedServer(
            folder: folder, arguments: (model.map { [$0] } ?? []) + (configFile.map { ["--config", $0] } ?? []))
        var steps: [String] = []
        do {
            let port = try await child.waitForPort()
            steps.append("started 'hybrie serve' with INFERENCE_ALLOWED_PROVIDERS=local on 127.0.0.1:\(port)")
            if let model {
                try await waitForModel(port, child)
                steps.append("loaded \((model as NSString).lastPathComponent)")
                steps.append(try await chat(port))
            } else {
                steps.append("no model in the store: no chat (import one, or name one with --model)")
            }
            steps.append(try await askCloud(port))
        } catch {
            await child.stop()
            throw error
        }
        await child.stop()
        steps.append("stopped it with SIGTERM")
        return Result(steps: steps, evidence: try child.evidence())
    }

    private func waitForModel(_ port: Int, _ child: TracedServer) async throws {
        for _ in 0..<1200 {
            let answer = try await EgressGuard.askOwnServer(port: port, "GET", "/v1/models", key: configuration.apiKey)
            let first = (try? JSONValue(parsing: answer.body))?["data"]?.array?.first
            switch first?["state"]?.string {
            case "loaded": return
            case "failed": throw Fault(description: "the model can't be loaded; 'hybrie run' says why")
            default: try await Task.sleep(for: .milliseconds(100))
            }
            guard child.isRunning else { throw Fault(description: "the server ended: \(child.lastLine)") }
        }
        throw Fault(description: "the model took more than two minutes to load; choose a smaller one with --model")
    }

    private func chat(_ port: Int) async throws -> String {
        let chat: JSONValue = ["messages": [["role": "user", "content": "Say hello."]], "max_tokens": 16]
        var answer = try await post(port, "/v1/chat/completions", chat)
        if answer.status == 400 {
            answer = try await post(port, "/v1/completions", ["prompt": "Hello", "max_tokens": 16])
        }
        guard answer.status == 200 else { throw Fault(description: "a chat was answered with \(answer.status)") }
        let text = answer.value?["choices"]?.array?.first
        let said = (text?["message"]?["content"] ?? text?["text"])?.string ?? ""
        return "chatted; it said: \(JSONValue.string(said).serialized)"
    }

    private func askCloud(_ port: Int) async throws -> String {
        let request: JSONValue = ["model": "cloud/any", "messages": [["role": "user", "content": "Say hello."]]]
        let answer = try await post(port, "/v1/chat/completions", request)
        guard answer.status == 403 else {
            throw Fault(
                description: "a request for a cloud model was answered with \(answer.status), not refused with 403")
        }
        return "asked for the model 'cloud/any': refused with 403 by \(answer.value?["error"]?["code"]?.string ?? "?")"
    }

    private func post(_ port: Int, _ path: String, _ body: JSONValue) async throws -> (status: Int, value: JSONValue?) {
        let answer = try await EgressGuard.askOwnServer(
            port: port, "POST", path, key: configuration.apiKey, body: body.serializedBytes, seconds: 120)
        return (answer.status, try? JSONValue(parsing: answer.body))
    }
}

extension LocalProof {
    /// What was done and what was seen.
    struct Result {
        static let verdict = "nothing left this machine"
        let steps: [String]
        let evidence: Evidence
        var holds: Bool { evidence.offending.isEmpty }

        var lines: [String] {
            let places = evidence.destinations.map { "  \($0.calls) x  \($0.family)  \($0.address)" }
            return steps + [evidence.method] + (places.isEmpty ? ["  none named an address"] : places)
                + (holds
                    ? ["verdict: \(Self.verdict)"]
                    : ["verdict: these left this machine, or can't be told:"] + evidence.offending.map { "  \($0)" })
        }

        var json: JSONValue {
            [
                "holds": .bool(holds),
                "verdict": .string(holds ? Self.verdict : "something may have left this machine"),
                "steps": .array(steps.map { .string($0) }), "method": .string(evidence.method),
                "destinations": .array(
                    evidence.destinations.map {
                        ["family": .string($0.family), "address": .string($0.address), "calls": .integer($0.calls)]
                    }),
                "offending": .array(evidence.offending.map { .string($0) }),
            ]
        }
    }

    /// What was seen, and how.
    struct Evidence {
        let method: String
        let destinations: [(family: String, address: String, calls: Int)]
        let offending: [String]
    }
}
