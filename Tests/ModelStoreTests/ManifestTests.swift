import Foundation
import ModelStore
import OrderedJSON
import Testing

@Suite struct ManifestTests {
    @Test func `digests are read only as they are written`() throws {
        let digits = String(repeating: "0a", count: 32)
        #expect(Digest("sha256:\(digits)")?.text == "sha256:\(digits)")
        // P1: what isn't exactly this never comes near a path.
        for text in [
            digits, "sha256:", "sha256:\(digits)0", "sha256:\(digits.dropLast())", "sha256:\(digits.uppercased())",
            "SHA256:\(digits)", "sha256:../../../../etc/passwd", "sha256:\(digits.dropLast(2))/.", "sha512:\(digits)",
            "sha256:\(digits)\n", "sha256: \(digits.dropFirst())", "",
        ] {
            #expect(Digest(text) == nil, "\(text)")
        }
    }

    /// The inputs and roots of the test vectors that Certificate Transparency's implementations share (RFC 6962).
    @Test func `roots are those of RFC 6962`() throws {
        let inputs = [
            "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
        ]
        let leaves = inputs.map { text in
            let digits = Array(text)
            return MerkleTree.leaf(
                stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) })
        }
        for (count, root) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ] {
            #expect(MerkleTree.root(Array(leaves.prefix(count))).digits == root, "\(count) leaves")
        }
    }

    @Test func `a model's manifest says its chunks, is kept, and is made anew when a file changes`() throws {
        let home = try TemporaryHome()
        let content = SampleModel.bytes(2 * ModelManifest.chunkBytes + 77)
        let stored = try home.store.importModel(from: try home.write("a.gguf", content))
        let manifest = try home.store.manifest(of: stored)
        #expect(manifest.bytes == content.count)
        #expect(manifest.chunks.map(\.bytes) == [ModelManifest.chunkBytes, ModelManifest.chunkBytes, 77])
        #expect(manifest.chunks[2].digest == MerkleTree.leaf(Array(content.suffix(77))))
        #expect(try ModelManifest(parsing: manifest.json.serializedBytes) == manifest)
        // Kept: the file can't be read any more, and still the manifest is known.
        #expect(try home.store.manifest(of: stored) == manifest)
        var changed = content
        changed[5] ^= 1
        try FileManager.default.removeItem(atPath: stored.path)
        try Data(changed).write(to: URL(fileURLWithPath: stored.path))
        let found = try #require(try home.store.find("a"))
        #expect(try home.store.manifest(of: found).digest != manifest.digest)
    }

    @Test func `the same bytes have the same digest, whatever the model is called`() throws {
        let home = try TemporaryHome()
        let file = try home.write("x.gguf", SampleModel.bytes(1000))
        let digests = try ["one", "two"].map {
            try home.store.manifest(of: try home.store.importModel(from: file, name: $0)).digest
        }
        #expect(digests[0] == digests[1])
    }

    @Test func `the same bytes lie on the disk once, whatever they are called`() throws {
        func inode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
        }
        let home = try TemporaryHome()
        let file = try home.write("x.gguf", SampleModel.bytes(3000))
        let one = try home.store.importModel(from: file, name: "one")
        let manifest = try home.store.manifest(of: one)
        let two = try home.store.add("two", sameAs: one)
        #expect(try inode(one.path) == inode(two.path))
        #expect(try home.store.manifest(of: two) == manifest)
        #expect(throws: StoreError.exists("two")) { try home.store.add("two", sameAs: one) }
        // One that came by itself joins them when the store is tidied.
        let three = try home.store.importModel(from: file, name: "three")
        #expect(try home.store.manifest(of: three) == manifest && inode(three.path) != inode(one.path))
        #expect(try home.store.prune() == 3000)
        #expect(try inode(three.path) == inode(one.path))
        #expect(try home.store.verify(three).isSound && home.store.prune() == 0)
        try home.store.remove("one")
        #expect(try Data(contentsOf: URL(fileURLWithPath: two.path)) == Data(SampleModel.bytes(3000)))
    }

    @Test func `verify finds a byte that changed, and prune what was left`() throws {
        let home = try TemporaryHome()
        let stored = try home.store.importModel(
            from: try home.write("a.gguf", SampleModel.bytes(ModelManifest.chunkBytes + 9)))
        #expect(try !home.store.verify(stored).wasKnown)
        #expect(try home.store.verify(stored).isSound)
        chmod(stored.path, 0o600)
        let handle = try #require(FileHandle(forUpdatingAtPath: stored.path))
        try handle.seek(toOffset: 77)
        try handle.write(contentsOf: Data([SampleModel.bytes(78)[77] ^ 1]))
        try handle.close()
        let check = try home.store.verify(stored)
        #expect(check.damaged.map(\.chunks) == [1] && check.damaged.map(\.of) == [2])
        // What an interrupted pull left is deleted, what comes in right now isn't.
        let manifest = SampleModel.folder(["config.json": 12])
        do {
            let model = try IncomingModel(manifest, as: "m", in: home.store)
            #expect(try home.store.prune() == 0)
            #expect(try model.store(0, SampleModel.bytes(12)))
        }
        #expect(try home.store.prune() > 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/incoming").isEmpty)
    }

    @Test func `a model is copied out of the store, over nothing`() throws {
        let home = try TemporaryHome()
        _ = try home.store.importModel(from: try home.write("a.gguf", SampleModel.bytes(50)), name: "a")
        try FileManager.default.createDirectory(atPath: "\(home.path)/out", withIntermediateDirectories: true)
        #expect(try home.store.export("a", to: "\(home.path)/out") == "\(home.path)/out/a.gguf")
        #expect(throws: StoreError.self) { try home.store.export("a", to: "\(home.path)/out") }
        #expect(throws: StoreError.unknown("b")) { try home.store.export("b", to: "\(home.path)/b") }
    }

    @Test func `M11 - manifests that contradict themselves are refused`() throws {
        let manifest = SampleModel.folder(["a": 10, "b": ModelManifest.chunkBytes + 1])
        func refused(_ place: Comment, _ change: (inout JSONObject) -> Void) throws {
            var object = try #require(manifest.json.object)
            change(&object)
            #expect(throws: ManifestError.self, place) {
                try ModelManifest(parsing: JSONValue.object(object).serializedBytes)
            }
        }
        func refusedFile(_ key: String, _ value: JSONValue?) throws {
            try refused("\(key) \(value?.serialized.prefix(40) ?? "missing")") { object in
                var files = object["files"]?.array ?? []
                guard var file = files.first?.object else { return }
                file[key] = value
                files[0] = .object(file)
                object["files"] = .array(files)
            }
        }
        try refused("format") { $0["format"] = 2 }
        try refused("kind") { $0["kind"] = "pickle" }
        try refused("digest") { $0["digest"] = .string("sha256:" + String(repeating: "0", count: 64)) }
        try refused("no files") { $0["files"] = [] }
        try refused("twice") { $0["files"] = .array(($0["files"]?.array ?? []) + ($0["files"]?.array ?? [])) }
        for size: JSONValue in [-1, 11, 1e300, .integer(.max), .integer(1 << 62), .null, "10"] {
            try refusedFile("bytes", size)
        }
        for name: JSONValue in ["../x", "/etc/passwd", "a/b", "", ".", "..", ".hidden", "a\u{0}", 7] {
            try refusedFile("name", name)
        }
        for chunks: JSONValue in ["", "AAAA", "not base64!", [], .string(String(repeating: "A", count: 100_000))] {
            try refusedFile("chunks", chunks)
        }
        try refusedFile("root", .string("sha256:" + String(repeating: "0", count: 64)))
        // 10^9 chunks are as many as a petabyte has: the size alone is too much.
        try refusedFile("bytes", .integer(1_000_000_000 * ModelManifest.chunkBytes))
        #expect(throws: ManifestError.self) {
            try ModelManifest(parsing: [UInt8](repeating: UInt8(ascii: " "), count: ModelManifest.mostBytes + 1))
        }
    }

    @Test func `names that some file systems take for one are refused`() throws {
        let manifest = SampleModel.folder(["Model.bin": 3, "model.bin": 4])
        #expect(throws: ManifestError.self) { try ModelManifest(parsing: manifest.json.serializedBytes) }
    }
}

/// Models of any size whose bytes anybody can make again.
enum SampleModel {
    static func bytes(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
        var state = UInt32(seed)
        return (0..<count).map { _ in
            // Numerical Recipes' linear congruential generator.
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
    }

    static func chunks(_ content: [UInt8]) -> [[UInt8]] {
        stride(from: 0, to: content.count, by: ModelManifest.chunkBytes).map {
            Array(content[$0..<min($0 + ModelManifest.chunkBytes, content.count)])
        }
    }

    static func file(_ content: [UInt8], name: String = ModelManifest.singleFileName) -> ModelManifest.File {
        ModelManifest.File(name: name, bytes: content.count, chunks: chunks(content).map { MerkleTree.leaf($0) })
    }

    static func folder(_ sizes: [String: Int]) -> ModelManifest {
        ModelManifest(kind: .folder, files: sizes.map { file(bytes($0.value), name: $0.key) })
    }
}
