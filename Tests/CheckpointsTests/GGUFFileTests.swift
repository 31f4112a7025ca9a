import Checkpoints
import Foundation
import Testing

/// Hostile headers, by the numbers of TRUST.md; the good file comes first.
@Suite struct GGUFFileTests {
    @Test func `a hand-made file is read as it was written`() throws {
        let file = try Self.open(TinyModels.llama())
        #expect(file.version == 3)
        #expect(file.metadata.entries.first?.key == "general.architecture")
        #expect(try file.metadata.string("general.architecture") == "llama")
        #expect(try file.metadata.integer("llama.block_count") == 1)
        #expect(try file.metadata.number("llama.rope.freq_base") == 10_000)
        #expect(try file.metadata.array("tokenizer.ggml.tokens")?.strings() == TinyModels.tokens)
        #expect(try file.metadata.string("no.such.key") == nil)
        let down = try #require(file.tensors.first { $0.name == "blk.0.ffn_down.weight" })
        #expect(down.shape == [8, 12])
        #expect(down.bytes.count == 8 * 12 * 4 && down.bytes.lowerBound % 32 == 0)
    }

    @Test func `version 2 is read like 3`() throws {
        var file = TinyModels.llama()
        file.version = 2
        #expect(try Self.open(file).tensors.count == file.tensors.count)
    }

    @Test func `a lookup of another type than the value's is an error`() throws {
        let metadata = try Self.open(TinyModels.llama()).metadata
        expectFault("general.architecture", "an integer") { _ = try metadata.integer("general.architecture") }
        expectFault("llama.block_count", "a string", "1 (uint32)") { _ = try metadata.string("llama.block_count") }
        expectFault("an array") { _ = try metadata.array("llama.block_count") }
        expectFault("a float") { _ = try metadata.number("llama.block_count") }
        expectFault("a bool") { _ = try metadata.bool("llama.block_count") }
    }

    @Test func `G1 every truncation of a good file is refused`() throws {
        let bytes = TinyModels.llama().bytes()
        for count in 0..<bytes.count {
            #expect(throws: CheckpointError.self, "\(count) bytes") {
                try GGUFFile(bytes: Array(bytes[..<count]), name: "cut.gguf")
            }
        }
    }

    @Test(arguments: [UInt64.max, 1 << 63, 1 << 32, nil])
    func `G2 counts that the file can't hold are refused`(count: UInt64?) {
        var file = TinyModels.llama()
        let count = count ?? UInt64((file.bytes().count - 24) / 12 + 1)
        file.announcedValues = count
        expectFault("metadata count", "\(count)") { _ = try Self.open(file) }
        file.announcedValues = nil
        file.announcedTensors = count
        expectFault("tensor count", "\(count)") { _ = try Self.open(file) }
    }

    @Test(arguments: [0, 1, 4] as [UInt32])
    func `G3 other versions are refused`(version: UInt32) {
        var file = TinyModels.llama()
        file.version = version
        expectFault("version", "found \(version).") { _ = try Self.open(file) }
    }

    @Test(arguments: [0x0200_0000, 0x0300_0000] as [UInt32])
    func `G3 a file of the other byte order is told so`(version: UInt32) {
        var file = TinyModels.llama()
        file.version = version
        expectFault("byte order") { _ = try Self.open(file) }
    }

    @Test func `G4 a string longer than the file is refused`() {
        for length: UInt64 in [1 << 20, 1 << 63, .max, .max - 7] {
            var file = TinyModels.llama()
            file["general.name"] = .init(type: 8, bytes: littleEndian(length))
            expectFault("general.name", "\(length)") { _ = try Self.open(file) }
        }
    }

    @Test func `G4 empty and double keys and tensor names are refused`() {
        var file = TinyModels.llama()
        file.values.append(("", .uint32(1)))
        expectFault("key") { _ = try Self.open(file) }
        file.values[file.values.count - 1].key = "llama.block_count"
        expectFault("llama.block_count", "twice") { _ = try Self.open(file) }

        file = TinyModels.llama()
        file.tensors[1].name = "token_embd.weight"
        expectFault("token_embd.weight", "twice") { _ = try Self.open(file) }
        file.tensors[1].name = ""
        expectFault("name") { _ = try Self.open(file) }
        file.tensors[1].name = String(repeating: "n", count: 64)
        expectFault("63 bytes", "64") { _ = try Self.open(file) }
        file.tensors[1].name = String(repeating: "n", count: 63)
        #expect(throws: Never.self) { try Self.open(file) }
    }

    @Test func `G4 keys and texts that are no UTF-8 are refused`() {
        var file = TinyModels.llama()
        file["general.name"] = .init(type: 8, bytes: counted([0x61, 0xFF]))
        expectFault("general.name", "UTF-8") { _ = try Self.open(file) }
        file["general.name"] = .array(8, count: 1, counted([0x61, 0xFF]))
        expectFault("general.name", "UTF-8") {
            _ = try Self.open(file).metadata.array("general.name")?.strings()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `G4 a million keys are read with a set, not by comparing all pairs`() throws {
        var bytes = GGUFBuilder(announcedValues: 1_000_000).header()
        for number in 0..<1_000_000 {
            bytes += counted(Array("key.\(number)".utf8)) + littleEndian(UInt32(7)) + [1]
        }
        let file = try GGUFFile(bytes: bytes, name: "keys.gguf")
        #expect(file.metadata.entries.count == 1_000_000)
        #expect(try file.metadata.bool("key.999999") == true)
    }

    @Test(arguments: [13, .max] as [UInt32])
    func `G5 unknown value types are refused, also in arrays`(type: UInt32) {
        var file = TinyModels.llama()
        file["x"] = .init(type: type, bytes: [0])
        expectFault("x", "\(type)") { _ = try Self.open(file) }
        file["x"] = .array(type, count: 1, [0])
        expectFault("x", "\(type)") { _ = try Self.open(file) }
    }

    @Test func `G5 arrays of arrays and arrays beyond the file are refused`() {
        var file = TinyModels.llama()
        file["x"] = .array(9, count: 1, [])
        expectFault("x", "array of arrays") { _ = try Self.open(file) }
        for (type, count): (UInt32, UInt64) in [(10, 1 << 61), (8, 1 << 61), (0, .max), (5, 1 << 62), (8, 5000)] {
            file["x"] = .array(type, count: count, [])
            expectFault("x", "\(count)") { _ = try Self.open(file) }
        }
    }

    @Test func `G5 a bool of neither 0 nor 1 is refused`() {
        var file = TinyModels.llama()
        file["x"] = .init(type: 7, bytes: [2])
        expectFault("x", "bool", "2") { _ = try Self.open(file) }
    }

    @Test func `G6 alignment that is no power of two from 8 to 65536 is refused`() {
        let wrong: [GGUFBuilder.Value] = [
            .uint32(0), .uint32(1), .uint32(13), .int32(32), .uint64(32), .uint32(1 << 31), .uint32(1 << 17),
        ]
        for value in wrong {
            var file = TinyModels.llama()
            file["general.alignment"] = value
            expectFault("general.alignment") { _ = try Self.open(file) }
        }
    }

    @Test(arguments: [8, 64, 65_536])
    func `alignment of the file's own choice is kept`(alignment: Int) throws {
        var file = TinyModels.llama()
        file.alignment = alignment
        file["general.alignment"] = .uint32(UInt32(alignment))
        #expect(try Self.open(file).tensors.allSatisfy { $0.bytes.lowerBound % alignment == 0 })
    }

    static func open(_ file: GGUFBuilder) throws -> GGUFFile {
        try GGUFFile(bytes: file.bytes(), name: "model.gguf")
    }
}
