import Foundation
import ModelStore
import Testing

@Suite struct IncomingModelTests {
    private static let content = SampleModel.bytes(3 * ModelManifest.chunkBytes + 500)
    private static let manifest = ModelManifest(kind: .file, files: [SampleModel.file(content)])
    private static let chunks = SampleModel.chunks(content)

    @Test func `chunks in any order become the model, and it appears only when whole`() throws {
        let home = try TemporaryHome()
        let model = try IncomingModel(Self.manifest, as: "m", in: home.store)
        for number in [2, 0, 3] {
            #expect(try model.store(number, Self.chunks[number]))
            #expect(home.published.isEmpty)
        }
        #expect(throws: StoreError.self) { try model.publish() }
        #expect(try model.store(1, Self.chunks[1]))
        let stored = try model.publish()
        #expect(try Data(contentsOf: URL(fileURLWithPath: stored.path)) == Data(Self.content))
        #expect(try FileManager.default.attributesOfItem(atPath: stored.path)[.posixPermissions] as? Int == 0o444)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/incoming").isEmpty)
        #expect(try home.store.manifest(of: stored) == Self.manifest)
    }

    @Test func `a folder's files come in beside each other, empty ones too`() throws {
        let home = try TemporaryHome()
        let manifest = SampleModel.folder(["config.json": 12, "empty.txt": 0, "model.safetensors": 1 << 20])
        let model = try IncomingModel(manifest, as: "f", in: home.store)
        for (number, chunk) in model.chunks.enumerated() {
            #expect(try model.store(number, SampleModel.bytes(chunk.bytes)))
        }
        let stored = try model.publish()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: stored.path).sorted() == [
                "config.json", "empty.txt", "model.safetensors",
            ])
        #expect(try home.store.manifest(of: stored) == manifest)
    }

    @Test func `who wants the front of a file waits for it and no longer`() async throws {
        let home = try TemporaryHome()
        let model = try IncomingModel(Self.manifest, as: "m", in: home.store)
        let file = ModelManifest.singleFileName
        let range = ModelManifest.chunkBytes - 5..<ModelManifest.chunkBytes + 5
        let reader = Task.detached {
            try model.wait(for: range, of: file)
            return model.have.count
        }
        while model.awaited.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        #expect(model.awaited == [0])
        for number in [3, 0] { #expect(try model.store(number, Self.chunks[number])) }
        while model.awaited != [1] { try await Task.sleep(for: .milliseconds(1)) }
        #expect(try model.store(1, Self.chunks[1]))
        #expect(try await reader.value == 3)
        #expect(model.awaited.isEmpty)
        #expect(FileManager.default.contents(atPath: model.path)?[range] == Data(Self.content)[range])
        for (range, name) in [(0..<Self.content.count + 1, file), (-1..<1, file), (0..<1, "other")] {
            #expect(throws: StoreError.self) { try model.wait(for: range, of: name) }
        }
        let late = Task.detached { try model.wait(for: 0..<Self.content.count, of: file) }
        while model.awaited != [2] { try await Task.sleep(for: .milliseconds(1)) }
        model.giveUp()
        await #expect(throws: StoreError.self) { try await late.value }
    }

    @Test func `M10 - wrong bytes leave nothing behind`() throws {
        let home = try TemporaryHome()
        let model = try IncomingModel(Self.manifest, as: "m", in: home.store)
        var flipped = Self.chunks[0]
        flipped[77] ^= 4
        for (number, bytes) in [
            (0, flipped), (0, Self.chunks[1]), (0, Array(Self.chunks[0].dropLast())), (0, Self.chunks[0] + [0]),
            (0, []),
            (3, Self.chunks[0]), (4, Self.chunks[0]), (-1, Self.chunks[0]),
        ] {
            #expect(try !model.store(number, bytes))
        }
        #expect(model.have.count == 0)
        #expect(try home.store.possession(of: try #require(try home.store.partialModels().first)).have.count == 0)
    }

    @Test func `other processes see which chunks are here`() throws {
        let home = try TemporaryHome()
        let model = try IncomingModel(Self.manifest, as: "m", in: home.store)
        _ = try model.store(1, Self.chunks[1])
        let partial = try #require(try home.store.partialModels().first)
        #expect(partial.manifest == Self.manifest)
        let have = try home.store.possession(of: partial).have
        #expect((0..<4).map(have.contains) == [false, true, false, false])
    }

    @Test func `a second pull of the name is told who is at it`() throws {
        let home = try TemporaryHome()
        let model = try IncomingModel(Self.manifest, as: "m", in: home.store)
        #expect(throws: StoreError.busy("m", holder: Int(getpid()))) {
            try IncomingModel(Self.manifest, as: "m", in: home.store)
        }
        #expect(model.have.count == 0)
    }

    @Test func `what was damaged on the disk meanwhile is fetched again`() throws {
        let home = try TemporaryHome()
        do {
            let model = try IncomingModel(Self.manifest, as: "m", in: home.store)
            for number in 0..<3 { _ = try model.store(number, Self.chunks[number]) }
        }
        let folder = try #require(try home.store.partialModels().first).folder
        let file = try #require(FileHandle(forUpdatingAtPath: "\(folder)/\(ModelManifest.singleFileName)"))
        try file.seek(toOffset: UInt64(ModelManifest.chunkBytes + 9))
        try file.write(contentsOf: Data([Self.chunks[1][9] ^ 1]))
        let again = try IncomingModel(Self.manifest, as: "m", in: home.store)
        #expect((0..<4).map(again.have.contains) == [true, false, true, false])
    }

    @Test func `F1 and F2 - whatever call fails, the next attempt completes and fetches at most two chunks twice`()
        throws
    {
        for fault in [FailingDisk.Fault.kill, .error(ENOSPC), .lastingError(EIO)] {
            var call = 1
            while try !Self.completes(afterFaultAt: call, fault) { call += 1 }
            #expect(call > 40, "the fault struck at \(call) calls only")
        }
    }

    /// Brings the model in on a disk that fails at one call, then on one that doesn't.
    /// - Returns: whether there are fewer calls than that.
    private static func completes(afterFaultAt call: Int, _ fault: FailingDisk.Fault) throws -> Bool {
        let home = try TemporaryHome()
        let failing = FailingDisk(fault, at: call)
        var taken = 0
        func bring(_ store: ModelStore) throws {
            let model = try IncomingModel(manifest, as: "m", in: store)
            for (number, bytes) in chunks.enumerated() where !model.have.contains(number) {
                taken += 1
                _ = try model.store(number, bytes)
            }
            _ = try model.publish()
        }
        do { try bring(ModelStore(home: home.path, disk: failing.disk)) } catch {
            #expect(failing.struck != nil, "call \(call): \(error)")
        }
        let isWhole = try home.store.find("m") != nil
        if !isWhole { try bring(home.store) }
        #expect(taken <= chunks.count + 2, "call \(call): \(taken) chunks")
        let stored = try #require(try home.store.find("m"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: stored.path)) == Data(content), "call \(call)")
        #expect(try home.store.manifest(of: stored) == manifest)
        return failing.struck == nil
    }

    @Test func `sets of chunks take only bits that can be`() {
        #expect(ChunkSet(chunkCount: 9, bytes: [0xFF, 1])?.isComplete == true)
        #expect(ChunkSet(chunkCount: 9, bytes: [0xFF, 2]) == nil)
        #expect(ChunkSet(chunkCount: 9, bytes: [0xFF]) == nil)
        #expect(ChunkSet(chunkCount: 9, isFull: true).bytes == [0xFF, 1])
        #expect(ChunkSet(chunkCount: 0, bytes: [])?.isComplete == true)
        var set = ChunkSet(chunkCount: 10)
        #expect(set.insert(9) && !set.insert(9) && !set.insert(10) && set.count == 1)
        set.remove(9)
        #expect(set == ChunkSet(chunkCount: 10))
    }
}
