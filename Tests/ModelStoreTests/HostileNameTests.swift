import Foundation
import ModelStore
import Testing

/// P1 to P3: nothing that comes from outside becomes a path unless it is a plain name.
@Suite struct HostileNameTests {
    private static let weights = [UInt8](repeating: 7, count: 3000)

    @Test(arguments: [
        "../../etc", "sha256:../../x", "..", "a/b", "", "-rf", ".hidden", "a b", "c\u{0}d", "é",
        String(repeating: "f", count: 201),
    ])
    func `P1 - a commit that is no plain name never becomes a path`(commit: String) async throws {
        let (home, hub) = (try TemporaryHome(), HubStandIn(["tiny.gguf": Self.weights]))
        hub.faults.commit = commit
        await #expect(throws: HubError.self) {
            try await home.store.pull(HubReference("hf://owner/tiny/tiny.gguf"), from: hub.hub())
        }
        #expect(home.published.isEmpty)
        #expect(hub.seen.count == 1, "nothing is asked for below such a commit")
    }

    @Test(arguments: [
        "hf://owner/tiny/../x.gguf", "hf://../tiny", "hf://owner/..", "hf://owner/ti\u{0}ny", "hf://owner/tiny@../x",
        "hf://owner",
        "hf:///tiny", "hf://owner/tiny/a/b.gguf", "hf://owner/tiny\\x", "https://owner/tiny", "hf://owner/tiny@",
        "hf://öwner/tiny",
        "hf://owner/" + String(repeating: "n", count: 600),
    ])
    func `P2 - a reference with anything but plain names is refused`(reference: String) {
        #expect(throws: HubError.self) { try HubReference(reference) }
    }

    @Test func `P2 - files whose names aren't plain are left where they are`() async throws {
        let home = try TemporaryHome()
        let hub = HubStandIn(["config.json": [1], "model.safetensors": Self.weights])
        hub.faults.extraNames = [
            "../escape.safetensors", "/etc/x.safetensors", "a/b.safetensors", "..", "x\u{0}.safetensors",
            "\\x.safetensors",
        ]
        let stored = try await home.store.pull(HubReference("hf://owner/small"), from: hub.hub())
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: stored.path).sorted() == [
                "config.json", "model.safetensors",
            ])
        #expect(!FileManager.default.fileExists(atPath: "\(home.path)/incoming/escape.safetensors"))
    }

    @Test(arguments: [
        "../x", "a/b", "/abs", "a\\b", ".hidden", "-flag", "nul\u{0}", "line\nbreak", "bell\u{7}", "rtl\u{202E}x", "",
        String(repeating: "n", count: 256),
    ])
    func `P2 - a model can't be called so`(name: String) throws {
        let home = try TemporaryHome()
        let source = try home.write("source.gguf", Self.weights)
        #expect(throws: StoreError.self) { try home.store.importModel(from: source, name: name) }
        #expect(home.published.isEmpty)
    }

    @Test(arguments: [("Model", "model"), ("caf\u{E9}", "cafe\u{301}"), ("STRASSE", "strasse")])
    func `P2 - names that some file systems take for one are one here too`(first: String, second: String) throws {
        let home = try TemporaryHome()
        let source = try home.write("source.gguf", Self.weights)
        _ = try home.store.importModel(from: source, name: first)
        #expect(throws: StoreError.exists(first)) { try home.store.importModel(from: source, name: second) }
        #expect(try home.store.models().map(\.name) == [first])
    }

    @Test func `P2 - a link in the place where a pull writes isn't followed`() async throws {
        let (home, hub) = (try TemporaryHome(), HubStandIn(["tiny.gguf": Self.weights]))
        let reference = try HubReference("hf://owner/tiny/tiny.gguf")
        hub.faults.cutAfter = 1000
        _ = try? await home.store.pull(reference, from: hub.hub())
        let incoming = "\(home.path)/incoming"
        let left = try #require(FileManager.default.subpaths(atPath: incoming)?.first { $0.hasSuffix("tiny.gguf") })
        let victim = try home.write("victim", [1, 2, 3])
        try FileManager.default.removeItem(atPath: "\(incoming)/\(left)")
        try FileManager.default.createSymbolicLink(atPath: "\(incoming)/\(left)", withDestinationPath: victim)
        hub.faults.cutAfter = nil
        _ = try? await home.store.pull(reference, from: hub.hub())
        #expect(try Data(contentsOf: URL(fileURLWithPath: victim)) == Data([1, 2, 3]))
    }
}
