import Foundation
import ModelStore
import Synchronization
import Testing

@Suite struct PullTests {
    private static let weights = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    private static let file = "hf://owner/tiny/tiny.gguf"
    private static func hubWithFile() -> HubStandIn { HubStandIn(["tiny.gguf": weights, "README.md": [1, 2, 3]]) }
    private static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    @Test func `a file is pulled whole, read-only and under its name`() async throws {
        let (home, hub) = (try TemporaryHome(), Self.hubWithFile())
        let last = Mutex(PullProgress?.none)
        let stored = try await home.store.pull(HubReference(Self.file), from: hub.hub()) { progress in
            last.withLock { $0 = progress }
        }
        #expect(stored.name == "tiny")
        #expect(try Self.bytes(stored.path) == Self.weights)
        #expect(try FileManager.default.attributesOfItem(atPath: stored.path)[.posixPermissions] as? Int == 0o444)
        #expect(home.published == ["tiny.gguf"])
        #expect(last.withLock { $0?.bytes } == Self.weights.count)
        #expect(last.withLock { $0?.totalBytes } == Self.weights.count)
    }

    @Test func `of a repository what a model needs is pulled, into a folder`() async throws {
        let home = try TemporaryHome()
        let hub = HubStandIn([
            "config.json": Array("{}".utf8), "tokenizer.json": Array("{ }".utf8), "model.safetensors": Self.weights,
            "README.md": [1], "pytorch_model.bin": [2],
        ])
        let stored = try await home.store.pull(HubReference("hf://owner/small@v1"), from: hub.hub())
        #expect(stored.name == "small")
        let files = try FileManager.default.contentsOfDirectory(atPath: stored.path).sorted()
        #expect(files == ["config.json", "model.safetensors", "tokenizer.json"])
        #expect(try Self.bytes("\(stored.path)/model.safetensors") == Self.weights)
        #expect(hub.seen.first?.url == "\(HubStandIn.endpoint)/api/models/owner/small/revision/v1")
    }

    @Test func `a file of any address is taken if it has the digest that was given`() async throws {
        let (home, hub) = (try TemporaryHome(), Self.hubWithFile())
        let address = "\(HubStandIn.endpoint)/any/tiny.gguf?download=1"
        let wrong = String(repeating: "0", count: 64)
        for digest in ["", "abc", "../\(wrong)"] {
            await #expect(throws: HubError.self) {
                try await home.store.pull(address: address, sha256: digest, from: hub.hub())
            }
        }
        #expect(hub.seen.isEmpty)
        await #expect(throws: HubError.damaged(file: ModelManifest.singleFileName)) {
            try await home.store.pull(address: address, sha256: wrong, from: hub.hub())
        }
        #expect(home.published.isEmpty)
        let stored = try await home.store.pull(
            address: address, sha256: HubStandIn.digest(Self.weights).uppercased(), from: hub.hub())
        #expect(stored.name == "tiny")
        #expect(try Self.bytes(stored.path) == Self.weights)
    }

    @Test func `after a cut only the rest is fetched`() async throws {
        let (home, hub) = (try TemporaryHome(), Self.hubWithFile())
        hub.faults.cutAfter = 20_000
        await #expect(throws: HubStandIn.Cut.self) {
            try await home.store.pull(HubReference(Self.file), from: hub.hub())
        }
        #expect(home.published.isEmpty)
        hub.faults.cutAfter = nil
        let stored = try await home.store.pull(HubReference(Self.file), from: hub.hub())
        #expect(hub.bodyRanges == [nil, "bytes=20000-"])
        #expect(try Self.bytes(stored.path) == Self.weights)
    }

    @Test func `a hub that knows no ranges sends all again, and that is taken`() async throws {
        let (home, hub) = (try TemporaryHome(), Self.hubWithFile())
        hub.faults.cutAfter = 20_000
        _ = try? await home.store.pull(HubReference(Self.file), from: hub.hub())
        hub.faults = HubStandIn.Faults(ignoresRanges: true)
        let stored = try await home.store.pull(HubReference(Self.file), from: hub.hub())
        #expect(try Self.bytes(stored.path) == Self.weights)
    }

    @Test func `what an interrupted pull left is hashed again, so that damage on the disk is found`() async throws {
        let (home, hub) = (try TemporaryHome(), Self.hubWithFile())
        hub.faults.cutAfter = 20_000
        _ = try? await home.store.pull(HubReference(Self.file), from: hub.hub())
        let incoming = "\(home.path)/incoming"
        let left = try #require(
            FileManager.default.subpaths(atPath: incoming)?.first { $0.hasSuffix("tiny.gguf") })
        var bytes = try Self.bytes("\(incoming)/\(left)")
        bytes[7] ^= 0x10
        try Data(bytes).write(to: URL(fileURLWithPath: "\(incoming)/\(left)"))
        hub.faults.cutAfter = nil
        await #expect(throws: HubError.damaged(file: "tiny.gguf")) {
            try await home.store.pull(HubReference(Self.file), from: hub.hub())
        }
        #expect(home.published.isEmpty)
        _ = try await home.store.pull(HubReference(Self.file), from: hub.hub())
        #expect(home.published == ["tiny.gguf"])
    }

    @Test(arguments: [0, 25_000, 49_999])
    func `damaged bytes are refused and nothing appears`(place: Int) async throws {
        let (home, hub) = (try TemporaryHome(), Self.hubWithFile())
        hub.faults.flippedByte = place
        await #expect(throws: HubError.damaged(file: "tiny.gguf")) {
            try await home.store.pull(HubReference(Self.file), from: hub.hub())
        }
        #expect(home.published.isEmpty)
        #expect(try home.store.models().isEmpty)
    }

    @Test func `small files are checked by their git digest`() async throws {
        let home = try TemporaryHome()
        let hub = HubStandIn(["config.json": Array("{\"a\":1}".utf8), "model.safetensors": Self.weights])
        hub.faults.flippedByte = 2
        await #expect(throws: HubError.damaged(file: "config.json")) {
            try await home.store.pull(HubReference("hf://owner/small"), from: hub.hub())
        }
    }

    @Test func `the token goes to the hub and never where it redirects to`() async throws {
        let (home, hub) = (try TemporaryHome(), Self.hubWithFile())
        _ = try await home.store.pull(HubReference(Self.file), from: hub.hub(token: "hf_secret"))
        #expect(hub.seen.contains { $0.url.hasPrefix(HubStandIn.storage) })
        for request in hub.seen {
            #expect(
                request.token == (request.url.hasPrefix(HubStandIn.endpoint) ? "Bearer hf_secret" : nil),
                "\(request.url)")
        }
    }

    @Test func `a second pull of the same model is told that another process is at it`() async throws {
        let (home, hub) = (try TemporaryHome(), Self.hubWithFile())
        let other = Self.hubWithFile()
        let second = Mutex((any Error)?.none)
        // Locks belong to open files, so a second attempt in this process meets what another process would.
        hub.faults.beforeBody = {
            do { _ = try await home.store.pull(HubReference(Self.file), from: other.hub()) } catch {
                second.withLock { $0 = error }
            }
        }
        _ = try await home.store.pull(HubReference(Self.file), from: hub.hub())
        guard case .busy(let what, let holder)? = second.withLock({ $0 }) as? StoreError else {
            Issue.record("the second pull ended with \(String(describing: second.withLock { $0 }))")
            return
        }
        #expect(what == "tiny" && holder == Int(getpid()))
        #expect("\(StoreError.busy(what, holder: holder))".contains("process \(getpid()) is bringing in 'tiny'"))
        #expect(home.published == ["tiny.gguf"])
    }

    @Test func `a model larger than the disk is refused with figures before a byte is fetched`() async throws {
        let (home, hub) = (try TemporaryHome(), Self.hubWithFile())
        hub.faults.claimedBytes = 1 << 43
        do {
            _ = try await home.store.pull(HubReference(Self.file), from: hub.hub())
            Issue.record("it was taken")
        } catch StoreError.noSpace(let needed, let free) {
            #expect(needed > 1 << 43 && free > 0)
        }
        #expect(hub.bodyRanges.isEmpty)
    }

    @Test(arguments: [Int.max, 1 << 62, -1]) func `sizes that no file has are refused`(size: Int) async throws {
        let home = try TemporaryHome()
        let hub = HubStandIn(["config.json": [1], "model.safetensors": [2], "tokenizer.json": [3]])
        hub.faults.claimedBytes = size
        await #expect(throws: HubError.self) {
            try await home.store.pull(HubReference("hf://owner/small"), from: hub.hub())
        }
        #expect(home.published.isEmpty)
    }

    @Test func `a body that goes on beyond its size is cut off and refused`() async throws {
        let (home, hub) = (try TemporaryHome(), Self.hubWithFile())
        hub.faults.claimedBytes = 10_000
        await #expect(throws: (any Error).self) {
            try await home.store.pull(HubReference(Self.file), from: hub.hub())
        }
        #expect(home.published.isEmpty)
    }
}
