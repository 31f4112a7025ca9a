import Foundation
import TestSupport
import Testing

/// Models that are somewhere else when they are asked for, with nodes of the real binary.
@Suite(
    .enabled(if: FileManager.default.fileExists(atPath: RunningServer.binary), "script/test builds the binary"),
    .serialized)
struct ComingModelTests {
    private static let tiny = RunningServer.root.appendingPathComponent(
        "Tests/Fixtures/golden/lm/qwen3/model-Q8_0.gguf")

    private static func content(_ bytes: Int, _ seed: UInt64) -> Data {
        var random = SeededGenerator(seed: seed)
        return Data((0..<bytes).map { _ in UInt8.random(in: 0...255, using: &random) })
    }

    /// A node that has the tiny model, and one that knows it.
    private func nodes() throws -> (MeshProcess, MeshProcess) {
        let (a, b) = (try MeshProcess("a"), try MeshProcess("b"))
        try a.place("tiny", Data(contentsOf: Self.tiny))
        for node in [a, b] { try node.serve() }
        #expect(try b.register(a).status == 200)
        return (a, b)
    }

    /// Asks until the model is in memory.
    private func answer(_ node: MeshProcess) throws -> String {
        var body = ""
        try node.wait("an answer") {
            let answer = try node.curl(
                "/v1/completions",
                [
                    "-H", "Content-Type: application/json", "-d",
                    "{\"model\": \"tiny\", \"prompt\": \"a\", \"max_tokens\": 2}",
                ])
            #expect(answer.status == 200 || answer.status == 503, "\(answer.body)")
            body = answer.body
            return answer.status == 200
        }
        return body
    }

    @Test func `a server fetches the model that it is told to serve, and one that comes later answers too`() throws {
        let (a, b) = try nodes()
        // Another process brings it in while the server runs.
        #expect(try b.curl("/v1/models").body.contains("tiny") == false)
        #expect(try b.run(["pull", "peer://a/tiny"]) == 0, "\(b.log)")
        #expect(try b.curl("/v1/models").body.contains("tiny"))
        let text = try answer(b)
        #expect(try b.run(["models", "rm", "tiny"]) == 0)
        b.killServer()
        try b.serve(["peer://a/tiny"])
        #expect(try answer(b).contains("\"model\":\"tiny\"") && text.contains("\"model\":\"tiny\""))
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(b.home)/models") == ["tiny.gguf"])
        // The same words again need no other node.
        b.killServer()
        a.killServer()
        try b.serve(["peer://a/tiny"])
        _ = try answer(b)
        #expect(try b.run(["run", "peer://a/tiny", "a", "-n", "2"]) == 0, "\(b.log)")
    }

    @Test func `a server whose model is on its way answers, and ends when it is told to`() throws {
        let hub = try PullHub(content: [UInt8](repeating: 1, count: 5000), stops: [1000])
        defer { hub.stop() }
        let node = try MeshProcess("b", ["HF_ENDPOINT": hub.endpoint])
        try node.serve(["hf://owner/tiny/tiny.gguf"])
        try node.wait("the hub to be asked") { hub.starts == [0] }
        #expect(try node.curl("/v1/models").body.contains("loading"))
        let answer = try node.curl(
            "/v1/completions", ["-H", "Content-Type: application/json", "-d", "{\"prompt\": \"a\"}"])
        #expect(answer.status == 503, "\(answer.body)")
        #expect(try node.endServer() == 0, "\(node.log)")
    }

    @Test func `a model comes from the hub and from nodes at once, and the hub says which bytes are right`() throws {
        let content = Self.content(24 << 20, 1)
        let hub = try PullHub(content: Array(content))
        defer { hub.stop() }
        let (a, liar) = (try MeshProcess("a"), try MeshProcess("liar"))
        try a.place("under-another-name", content)
        try liar.place("tiny", Self.content(24 << 20, 2))
        for source in [a, liar] {
            let node = try MeshProcess("b", ["HF_ENDPOINT": hub.endpoint])
            for server in [source, node] { try server.serve() }
            #expect(try node.register(source).status == 200)
            #expect(try node.run(["pull", "hf://owner/tiny/tiny.gguf"]) == 0, "\(node.log)")
            #expect(FileManager.default.contents(atPath: "\(node.home)/models/tiny.gguf") == content)
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(node.home)/incoming").isEmpty)
            guard source === a else { continue }
            #expect(node.log.components(separatedBy: " MiB from ").count == 3, "\(node.log)")
            #expect(node.log.contains(" MiB from hub"), "\(node.log)")
        }
    }
}
