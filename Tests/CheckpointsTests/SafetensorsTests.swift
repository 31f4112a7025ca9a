import Checkpoints
import Foundation
import OrderedJSON
import Testing

/// Right and hostile safetensors files and indices, by the numbers of TRUST.md.
@Suite struct SafetensorsTests {
    static func open(_ header: String, data: Int = 0) throws -> SafetensorsFile {
        try SafetensorsFile(
            bytes: SafetensorsBuilder.bytes(header: header, data: Array(repeating: 0, count: data)),
            name: "model.safetensors")
    }

    static func tensor(_ dtype: String, _ shape: String, _ begin: Int, _ end: Int) -> String {
        "{\"dtype\": \"\(dtype)\", \"shape\": \(shape), \"data_offsets\": [\(begin), \(end)]}"
    }

    @Test func `a hand-made file is read as it was written`() throws {
        let file = try Self.open(
            "{\"__metadata__\": {\"format\": \"pt\"}, \"b\": \(Self.tensor("BF16", "[2, 3]", 4, 16)), "
                + "\"a\": \(Self.tensor("F32", "[1]", 0, 4))}   ", data: 16)
        #expect(file.metadata.map(\.key) == ["format"] && file.metadata.map(\.value) == ["pt"])
        #expect(file.tensors.map(\.name) == ["b", "a"])
        #expect(file.tensors[0].shape == [2, 3] && file.tensors[0].bytes.count == 12)
        #expect(file.tensors[0].bytes.upperBound == file.file.size)
    }

    @Test(arguments: [
        ("F64", 8), ("I64", 8), ("U64", 8), ("I32", 4), ("U32", 4), ("I16", 2), ("U16", 2), ("I8", 1), ("U8", 1),
        ("BOOL", 1), ("F8_E4M3", 1), ("F8_E5M2", 1), ("F32", 4), ("F16", 2), ("BF16", 2),
    ])
    func `element types are known by size`(dtype: String, bytes: Int) throws {
        let header = "{\"x\": \(Self.tensor(dtype, "[3]", 0, 3 * bytes))}"
        #expect(try Self.open(header, data: 3 * bytes).tensors[0].elementType.name == dtype)
    }

    @Test func `S1 a file shorter than its length is refused`() {
        for count in 0..<8 {
            #expect(throws: CheckpointError.self) {
                try SafetensorsFile(bytes: Array(repeating: 0, count: count), name: "model.safetensors")
            }
        }
    }

    @Test(arguments: [3, 0, .max, 1 << 63, 100_000_001, 1 << 32] as [UInt64])
    func `S1 a header length beyond the file or the limit is refused`(length: UInt64) {
        expectFault("header") {
            _ = try SafetensorsFile(bytes: littleEndian(length) + [0x7B, 0x7D], name: "model.safetensors")
        }
    }

    @Test func `S1 a header longer than 100,000,000 bytes is refused though the file has them`() {
        let bytes = littleEndian(UInt64(100_000_001)) + [UInt8](repeating: 0x7B, count: 100_000_001)
        expectFault("header length", "100000001") { _ = try SafetensorsFile(bytes: bytes, name: "model.safetensors") }
    }

    @Test(arguments: [
        " {}", "[]", "", "{", "{} {}", "{\"a\": \u{0}}", String(repeating: "{\"a\":", count: 100_000),
        "{\"__metadata__\": {\"a\": 1}}", "{\"__metadata__\": {\"a\": null}}", "{\"__metadata__\": []}",
        "{\"x\": 1}", "{\"x\": {}}",
    ])
    func `S1 a header that is no plain object of tensors is refused`(header: String) {
        expectFault("model.safetensors") { _ = try Self.open(header) }
    }

    @Test func `S1 bad UTF-8 and double names are refused`() {
        let header: [UInt8] = Array("{\"".utf8) + [0xFF] + Array("\": {}}".utf8)
        expectFault("UTF-8") { _ = try SafetensorsFile(bytes: counted(header), name: "model.safetensors") }
        let entry = Self.tensor("F32", "[0]", 0, 0)
        expectFault("twice") { _ = try Self.open("{\"x\": \(entry), \"x\": \(entry)}") }
        // Two ways to write é: different names.
        #expect(throws: Never.self) { try Self.open("{\"\u{E9}\": \(entry), \"e\u{301}\": \(entry)}") }
    }

    @Test(arguments: [
        ("F32", "[1]", 4, 0), ("F32", "[1]", 0, 8), ("F32", "[2]", 0, 4), ("F32", "[1]", 1, 5), ("F32", "[1]", -4, 0),
        ("F32", "[4294967296, 4294967296, 4294967296]", 0, 4), ("F32", "[4611686018427387904]", 0, 4),
        ("F32", "[9223372036854775808]", 0, 4), ("F32", "[-1]", 0, 4), ("F32", "[1.5]", 0, 4), ("F32", "[1e30]", 0, 4),
        ("F32", "[1.0]", 0, 4), ("F32", "[true]", 0, 4), ("F32", "1", 0, 4), ("F32", "null", 0, 4),
        ("Q4_0", "[1]", 0, 4), ("f32", "[1]", 0, 4), ("", "[1]", 0, 4), ("F32", "[1]", 0, .max),
        ("F32", "[1]", .max - 4, .max),
    ])
    func `S2 shapes, types and offsets that don't agree are refused`(dtype: String, shape: String, begin: Int, end: Int)
    {
        expectFault("model.safetensors") {
            _ = try Self.open("{\"x\": \(Self.tensor(dtype, shape, begin, end))}", data: 4)
        }
    }

    @Test func `S2 overlaps, holes and bytes behind the last tensor are refused`() {
        let (first, other) = (Self.tensor("F32", "[1]", 0, 4), Self.tensor("F32", "[1]", 8, 12))
        expectFault("y", "right behind") { _ = try Self.open("{\"x\": \(first), \"y\": \(first)}", data: 4) }
        expectFault("y", "right behind") { _ = try Self.open("{\"x\": \(first), \"y\": \(other)}", data: 12) }
        expectFault("x", "right behind") { _ = try Self.open("{\"x\": \(other)}", data: 12) }
        expectFault("data") { _ = try Self.open("{\"x\": \(first)}", data: 5) }
        expectFault("data") { _ = try Self.open("{}", data: 1) }
        expectFault("data") { _ = try Self.open("{\"x\": \(first)}", data: 3) }
    }

    @Test func `S2 scalars and empty tensors are legal`() throws {
        let file = try Self.open(
            "{\"s\": \(Self.tensor("F32", "[]", 0, 4)), \"e\": \(Self.tensor("F32", "[0, 7]", 4, 4)), "
                + "\"f\": \(Self.tensor("F16", "[0]", 0, 0))}", data: 4)
        #expect(file.tensors.map(\.shape) == [[], [0, 7], [0]])
        #expect(try Self.open("{}").tensors.isEmpty)
    }

    @Test(arguments: [
        "../x.safetensors", "/etc/x.safetensors", "a\u{0}.safetensors", "a/b.safetensors", "a\\b.safetensors",
        "..safetensors", ".safetensors", "passwd", "", "a\nb.safetensors",
        String(repeating: "a", count: 300) + ".safetensors",
    ])
    func `S3 a shard that is no plain file name is refused`(shard: String) {
        let index = JSONObject([("weight_map", .object(JSONObject([("x", .string(shard))])))])
        expectFault("index.json", "weight_map.x") {
            _ = try SafetensorsFolder.shardNames(index, index: "index.json")
        }
    }

    @Test(arguments: ["{}", "{\"weight_map\": {}}", "{\"weight_map\": []}", "{\"weight_map\": {\"x\": 7}}"])
    func `S3 an index without file names is refused`(index: String) throws {
        let object = try #require(try JSONValue(parsing: index).object)
        expectFault("index.json", "weight_map") { _ = try SafetensorsFolder.shardNames(object, index: "index.json") }
    }

    static func openShards(
        _ map: [(String, String)], files: [(String, [String])], use: (SafetensorsFolder) throws -> Void = { _ in }
    ) throws {
        try TestFiles.withFolder { folder in
            let index = JSONObject([("weight_map", .object(JSONObject(map.map { ($0, .string($1)) })))])
            try TestFiles.write(JSONValue.object(index).serialized, "model.safetensors.index.json", in: folder)
            for (name, tensors) in files {
                let bytes = SafetensorsBuilder.floats(tensors.map { ($0, [2]) })
                _ = try TestFiles.write(bytes, "\(name).safetensors", in: folder)
            }
            try use(try SafetensorsFolder(path: folder.path(percentEncoded: false)))
        }
    }

    @Test func `shards are read together`() throws {
        try Self.openShards(
            [("x", "1.safetensors"), ("y", "2.safetensors"), ("z", "1.safetensors")],
            files: [("1", ["x", "z"]), ("2", ["y"])]
        ) { folder in
            #expect(folder.tensors.map(\.tensor.name) == ["x", "z", "y"])
            let values = try folder.tensor("y")?.floats()
            #expect(values == [0, 1] && folder.tensor("w") == nil)
        }
    }

    @Test func `S3 a tensor in no shard, in another one or in two is refused`() {
        expectFault("1.safetensors", "y") {
            try Self.openShards([("x", "1.safetensors"), ("y", "1.safetensors")], files: [("1", ["x"])])
        }
        expectFault("safetensors") {
            try Self.openShards(
                [("x", "1.safetensors"), ("y", "2.safetensors")], files: [("1", ["x"]), ("2", ["y", "x"])])
        }
        expectFault("2.safetensors", "no such file") {
            try Self.openShards([("x", "1.safetensors"), ("y", "2.safetensors")], files: [("1", ["x"])])
        }
    }

    @Test func `S3 an index of a million shards is refused`() {
        expectFault("model.safetensors.index.json", "4096 files") {
            try Self.openShards((0..<1_000_000).map { ("t\($0)", "\($0).safetensors") }, files: [])
        }
    }
}
