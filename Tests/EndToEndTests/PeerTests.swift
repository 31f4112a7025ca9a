import Foundation
import TestSupport
import Testing

/// Nodes of the real binary: they meet, pull from each other, die on the way, and keep strangers out.
@Suite(
    .enabled(if: FileManager.default.fileExists(atPath: RunningServer.binary), "script/test builds the binary"),
    .serialized)
struct PeerTests {
    private static func content(_ bytes: Int) -> Data {
        var state: UInt32 = 7
        return Data(
            (0..<bytes).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return UInt8(state >> 24)
            })
    }

    private func has(_ node: MeshProcess, _ model: String, _ content: Data) -> Bool {
        FileManager.default.contents(atPath: "\(node.home)/models/\(model).gguf") == content
    }

    @Test func `two nodes meet by the documented command, and one pulls the other's model by name`() throws {
        let (a, b) = (try MeshProcess("a"), try MeshProcess("b"))
        let content = Self.content(5 << 20)
        try a.place("weights", content)
        for node in [a, b] { try node.serve() }
        let answer = try b.register(a)
        #expect(answer.status == 200, "\(answer.body)")
        try b.wait("both to see each other") { b.online == ["a"] && a.online == ["b"] }
        #expect(try b.run(["pull", "peer://a/weights"]) == 0, "\(b.log)")
        #expect(has(b, "weights", content))
        #expect(try b.run(["models", "verify"]) == 0, "\(b.log)")
        // Restarted, it knows whom it knew, under the same id.
        b.killServer()
        try b.serve()
        try b.wait("b to be itself again") { b.online == ["a"] && a.online == ["b"] }
        #expect(try b.curl("/v1/peers").body.components(separatedBy: "\"status\"").count == 3, "no ghosts")
    }

    @Test func `a third node takes from a second that is still fetching`() throws {
        let nodes = try ["a", "b", "c"].map { try MeshProcess($0) }
        let content = Self.content(24 << 20)
        try nodes[0].place("weights", content)
        // Slow enough that the second has something to pass on before the third has all.
        try "[mesh]\nupload_mib_per_s = 16\n"
            .write(toFile: "\(nodes[0].home)/hybrie.toml", atomically: true, encoding: .utf8)
        for node in nodes { try node.serve() }
        for node in nodes.dropFirst() { #expect(try node.register(nodes[0]).status == 200) }
        try nodes[2].wait("all to know all") { nodes[1].online == ["a", "c"] && nodes[2].online == ["a", "b"] }
        let pulls = try nodes.dropFirst().map { try $0.start(["pull", "peer://a/weights"]) }
        for pull in pulls {
            pull.waitUntilExit()
            #expect(pull.terminationStatus == 0, "\(nodes[1].log) \(nodes[2].log)")
        }
        #expect(nodes.allSatisfy { has($0, "weights", content) })
        #expect(
            (nodes[1].log + nodes[2].log).components(separatedBy: " MiB from ").count > 3, "somebody had two sources")
    }

    @Test func `F1 - pulls and sources that are killed lose no more than two chunks`() throws {
        let seed = testSeed("killed nodes")
        let kills = ProcessInfo.processInfo.environment["HYBRIE_LONG"] == "1" ? 200 : 8
        var random = SeededGenerator(seed: seed)
        let (a, b) = (try MeshProcess("a"), try MeshProcess("b"))
        let content = Self.content(48 << 20)
        try a.place("weights", content)
        for node in [a, b] { try node.serve() }
        #expect(try b.register(a).status == 200)
        var done = 0
        while done < kills {
            var pull = try b.start(["pull", "peer://a/weights"])
            while pull.isRunning, done < kills {
                usleep(UInt32.random(in: 5_000...120_000, using: &random))
                let before = chunksHere(b)
                if Bool.random(using: &random) {
                    kill(pull.processIdentifier, SIGKILL)
                    pull.waitUntilExit()
                    #expect(chunksHere(b) >= before, "HYBRIE_SEED=\(seed): what was there still is")
                    #expect(published(b).isEmpty || has(b, "weights", content), "HYBRIE_SEED=\(seed)")
                    pull = try b.start(["pull", "peer://a/weights"])
                } else {
                    a.killServer()
                    try a.serve()
                }
                done += 1
            }
            pull.waitUntilExit()
            if !has(b, "weights", content) {
                // A source that was gone for a moment ends no pull; one that began in that moment may.
                #expect(try b.run(["pull", "peer://a/weights"]) == 0, "HYBRIE_SEED=\(seed): \(b.log)")
            }
            #expect(has(b, "weights", content), "HYBRIE_SEED=\(seed)")
            #expect(try b.run(["models", "rm", "weights"]) == 0)
        }
    }

    private func published(_ node: MeshProcess) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: "\(node.home)/models")) ?? []
    }

    /// How many chunks of the model that comes in a node has marked as its own.
    private func chunksHere(_ node: MeshProcess) -> Int {
        let incoming = "\(node.home)/incoming"
        let name = (try? FileManager.default.contentsOfDirectory(atPath: incoming))?.first { $0.hasSuffix(".have") }
        let bits = name.flatMap { FileManager.default.contents(atPath: "\(incoming)/\($0)") } ?? Data()
        // The second half says what is about to come.
        return bits.prefix(bits.count / 2).reduce(0) { $0 + $1.nonzeroBitCount }
    }

    @Test func `a byte that changed on the source's disk is found, and the model comes from another`() throws {
        let nodes = try ["a", "b", "c"].map { try MeshProcess($0) }
        let content = Self.content(6 << 20)
        for node in nodes.prefix(2) { try node.place("weights", content) }
        for node in nodes { try node.serve() }
        for node in nodes.prefix(2) {
            #expect(try nodes[2].register(node).status == 200)
            try node.wait("the model to be hashed") { try node.curl("/v1/peers/models").body.contains("weights") }
        }
        let file = try #require(FileHandle(forUpdatingAtPath: "\(nodes[0].home)/models/weights.gguf"))
        try file.seek(toOffset: 3_000_000)
        try file.write(contentsOf: Data([content[3_000_000] ^ 1]))
        try file.close()
        #expect(try nodes[2].run(["pull", "peer://b/weights"]) == 0, "\(nodes[2].log)")
        #expect(has(nodes[2], "weights", content))
    }

    @Test func `M12 - beyond loopback nothing of the mesh answers without key or secret`() throws {
        let secret = "a secret of the mesh"
        let settings = [
            "HYBRIE_HOST": "0.0.0.0", "HYBRIE_MESH_SECRET": secret, "HYBRIE_API_KEY": "the key of this test",
        ]
        let (a, b) = (try MeshProcess("a", settings), try MeshProcess("b", settings))
        try a.place("weights", Self.content(1000))
        for node in [a, b] { try node.serve() }
        for (path, arguments) in [
            ("/v1/peers", []), ("/v1/peers/self", []), ("/v1/peers/models", []), ("/v1/peers/x", ["-X", "DELETE"]),
            ("/v1/peers/hello", ["-X", "POST", "-d", "{}"]), ("/v1/peers/register", ["-X", "POST", "-d", "{}"]),
            ("/v1/peers/self", ["-H", "x-hybrie-mesh: v1 00 00"]), ("/api/models/local/weights", []),
            ("/v1/peers/blobs/sha256:" + String(repeating: "0", count: 64), []),
            ("/v1/peers/self", ["-H", "Authorization: Bearer \(secret)"]),
        ] {
            #expect(try a.curl(path, arguments).status == 401, "\(path) \(arguments)")
        }
        let key = ["-H", "Authorization: Bearer the key of this test"]
        let answer = try b.curl(
            "/v1/peers/register", key + ["-X", "POST", "-d", "{\"node\": \"127.0.0.1:\(a.port)\"}"])
        #expect(answer.status == 200, "\(answer.body)")
        #expect(try b.run(["pull", "peer://a/weights"]) == 0, "\(b.log)")
        // A node with another secret learns nothing.
        let stranger = try MeshProcess(
            "stranger", settings.merging(["HYBRIE_MESH_SECRET": "another secret, not ours"]) { $1 })
        try stranger.serve()
        let refused = try stranger.curl(
            "/v1/peers/register", key + ["-X", "POST", "-d", "{\"node\": \"127.0.0.1:\(a.port)\"}"])
        #expect(refused.status == 502 && refused.body.contains("mesh secret"), "\(refused.body)")
        #expect(!(a.log + b.log).contains(secret), "no secret stands in a log")
    }

    @Test(
        .enabled(if: FileManager.default.fileExists(atPath: RunningServer.python), "script/test makes the environment"))
    func `the hub's own client takes models from a node, resumes, and takes nothing twice`() throws {
        let node = try MeshProcess("a")
        try node.place("weights", Self.content(3_000_001))
        try FileManager.default.createDirectory(atPath: "\(node.home)/models/tiny", withIntermediateDirectories: true)
        for (name, bytes) in [("config.json", 300), ("model.safetensors", 2 << 20), ("empty.txt", 0)] {
            try Self.content(bytes).write(to: URL(fileURLWithPath: "\(node.home)/models/tiny/\(name)"))
        }
        try node.serve()
        let script = "\(RunningServer.root.path)/Tests/EndToEndTests/hub_client.py"
        let (code, output) = try RunningServer.run([RunningServer.python, script, node.base, "\(node.home)/models"])
        #expect(code == 0, "\(output) \(node.log)")
    }

    @Test func `a node takes what it wants, and what a peer asks it to take only if it permits that`() throws {
        let a = try MeshProcess("a")
        let nodes = try ["b", "c"].map { try MeshProcess($0) }
        let content = Self.content(2 << 20)
        try a.place("weights", content)
        try "[mesh]\naccept_sync = true\nwanted = [\"hf://owner/other\"]\n"
            .write(toFile: "\(nodes[0].home)/hybrie.toml", atomically: true, encoding: .utf8)
        try a.place("other", content.prefix(1 << 20))
        for node in [a] + nodes { try node.serve() }
        for node in nodes { #expect(try node.register(a).status == 200) }
        try a.wait("a to see both") { a.online == ["b", "c"] }
        #expect(try a.run(["peers", "sync", "weights", "--port", "\(a.port)"]) == 0, "\(a.log)")
        #expect(a.log.contains("b: has it") && a.log.contains("c: it takes no models on request"), "\(a.log)")
        #expect(has(nodes[0], "weights", content) && !has(nodes[1], "weights", content))
        try nodes[0].wait("b to bring in what it wants") { has(nodes[0], "other", content.prefix(1 << 20)) }
        #expect(try nodes[0].curl("/metrics").body.contains("hybrie_mesh_received_bytes_total"))
    }

    @Test func `F3 - a second server of a home serves without the mesh, and says who is the node`() throws {
        let node = try MeshProcess("a")
        try node.serve()
        let second = try node.start(["serve", "--port", "0"])
        defer { kill(second.processIdentifier, SIGKILL) }
        try node.wait("the second server") { node.log.components(separatedBy: "address=http://").count == 3 }
        #expect(node.log.contains("is the node of this home"), "\(node.log)")
        // Killed, it leaves nothing locked.
        node.killServer()
        try node.serve()
        #expect(try node.curl("/v1/peers").status == 200)
    }

    @Test func `a model that is here under another name needs nothing to come`() throws {
        let (a, b) = (try MeshProcess("a"), try MeshProcess("b"))
        let content = Self.content(3 << 20)
        try a.place("weights", content)
        for node in [a, b] { try node.serve() }
        #expect(try b.register(a).status == 200)
        #expect(try b.run(["pull", "peer://a/weights"]) == 0)
        let before = try a.curl("/metrics").body
        #expect(try b.run(["pull", "peer://a/weights", "--name", "twin"]) == 0, "\(b.log)")
        #expect(has(b, "twin", content))
        #expect(try a.curl("/metrics").body == before, "not a byte was sent again")
        // Ranges and what is missing, as curl asks.
        let offered = try a.curl("/v1/peers/models").body
        let digest = try #require(offered.firstMatch(of: /sha256:[0-9a-f]{64}/)).output
        let manifest = try a.curl("/v1/peers/models/\(digest)").body
        let root = try #require(manifest.firstMatch(of: /"root":"(sha256:[0-9a-f]{64})"/)).output.1
        #expect(try a.curl("/v1/peers/blobs/\(root)", ["-r", "5-9", "-o", "/dev/null"]).status == 206)
        #expect(try a.curl("/v1/peers/blobs/\(root)", ["-r", "99999999-", "-o", "/dev/null"]).status == 416)
        #expect(try a.curl("/v1/peers/blobs/sha256:..%2f..%2fnode_key").status == 400)
        #expect(try a.curl("/v1/peers/blobs/\(root)", ["-I"]).status == 404, "there is no HEAD of a chunk")
        #expect(try a.curl("/health").status == 200)
    }

    @Test func `in local-only mode there is no mesh unless its own key says so`() throws {
        let silent = try MeshProcess("b", ["INFERENCE_ALLOWED_PROVIDERS": "local", "HYBRIE_MESH": "off"])
        try silent.serve()
        #expect(try silent.curl("/v1/peers").status == 404)
        #expect(try silent.run(["pull", "peer://a/weights"]) != 0)
        #expect(silent.log.contains("HYBRIE_MESH"), "\(silent.log)")
    }
}
