import Checkpoints
import Foundation
import Testing

/// Models in several GGUF files.
@Suite struct GGUFShardsTests {
    /// Writes ``TinyModels/llama()`` in three files.
    static func write(
        in folder: URL, count: Int = 3, change: (Int, inout GGUFBuilder) -> Void = { _, _ in }
    ) throws -> String {
        let whole = TinyModels.llama()
        var first = ""
        for number in 0..<3 {
            var shard = GGUFBuilder()
            if number == 0 { shard.values = whole.values }
            shard["split.no"] = .uint16(UInt16(number))
            shard["split.count"] = .uint16(UInt16(count))
            shard["split.tensors.count"] = .int32(Int32(whole.tensors.count))
            shard.tensors = whole.tensors.enumerated().filter { $0.offset % 3 == number }.map(\.element)
            change(number, &shard)
            let path = try TestFiles.write(shard.bytes(), "tiny-0000\(number + 1)-of-00003.gguf", in: folder)
            if number == 0 { first = path }
        }
        return first
    }

    @Test func `three files are one model`() throws {
        try TestFiles.withFolder { folder in
            let checkpoint = try Checkpoint(path: Self.write(in: folder))
            #expect(checkpoint.name == "tiny" && checkpoint.tensorNames.count == 11)
            #expect(try Checkpoint(path: folder.path(percentEncoded: false)).name == "tiny")
        }
    }

    @Test func `a later file is refused with the first one's name`() throws {
        try TestFiles.withFolder { folder in
            let path = try Self.write(in: folder).replacing("00001-of", with: "00002-of")
            expectFault("-00001-of-00003.gguf") { _ = try Checkpoint(path: path) }
        }
    }

    @Test func `a missing file is named`() throws {
        try TestFiles.withFolder { folder in
            let path = try Self.write(in: folder)
            try FileManager.default.removeItem(atPath: path.replacing("00001-of", with: "00003-of"))
            expectFault("tiny-00003-of-00003.gguf", "no such file") { _ = try Checkpoint(path: path) }
        }
    }

    @Test func `files of different splits are refused`() throws {
        let changes: [(key: String, value: GGUFBuilder.Value?)] = [
            ("split.no", .uint16(7)), ("split.no", nil), ("split.count", .uint16(4)), ("split.count", .string("3")),
            ("split.no", .uint64(.max)),
        ]
        for (key, value) in changes {
            try TestFiles.withFolder { folder in
                let path = try Self.write(in: folder) { number, shard in if number == 2 { shard[key] = value } }
                expectFault("tiny-00003-of-00003.gguf", "split") { _ = try Checkpoint(path: path) }
            }
        }
    }

    @Test func `a tensor in two files and a wrong total are refused`() throws {
        try TestFiles.withFolder { folder in
            let path = try Self.write(in: folder) { number, shard in
                if number == 2 { shard.add("token_embd.weight", [8, 8]) }
            }
            expectFault("token_embd.weight") { _ = try Checkpoint(path: path) }
        }
        try TestFiles.withFolder { folder in
            let path = try Self.write(in: folder) { number, shard in
                if number == 0 { shard["split.tensors.count"] = .int32(99) }
            }
            expectFault("split.tensors.count", "99") { _ = try Checkpoint(path: path) }
        }
    }

    @Test(arguments: [65_535, 2] as [UInt16])
    func `a count that the name doesn't have is refused`(count: UInt16) throws {
        try TestFiles.withFolder { folder in
            let path = try Self.write(in: folder) { _, shard in shard["split.count"] = .uint16(count) }
            expectFault("split.count") { _ = try Checkpoint(path: path) }
        }
    }

    @Test func `a folder with two models or none is refused`() throws {
        try TestFiles.withFolder { folder in
            expectFault("neither") { _ = try Checkpoint(path: folder.path(percentEncoded: false)) }
            for name in ["a.gguf", "b.gguf"] { _ = try TestFiles.write(TinyModels.llama().bytes(), name, in: folder) }
            expectFault("2 GGUF models") { _ = try Checkpoint(path: folder.path(percentEncoded: false)) }
        }
    }
}
