import Checkpoints
import Foundation
import Tensors
import Testing

/// Hostile tensor descriptions: shapes, types and places.
@Suite struct GGUFTensorTests {
    /// A file whose only tensor is described as given.
    static func open(
        _ extents: [UInt64], type: UInt32 = 0, offset: UInt64 = 0, data: Int = 64
    ) throws -> StoredTensor {
        var file = GGUFBuilder()
        file.tensors = [
            .init(name: "x", extents: extents, type: type, data: Array(repeating: 0, count: data), offset: offset)
        ]
        return try GGUFFile(bytes: file.bytes(), name: "model.gguf").tensors[0]
    }

    @Test func `G7 five dimensions are refused, four and none are fine`() throws {
        expectFault("x", "4 dimensions", "5") { _ = try Self.open([1, 1, 1, 1, 1]) }
        #expect(try Self.open([4, 1, 2, 2]).shape == [2, 2, 1, 4])
        #expect(try Self.open([], data: 4).shape == [])
    }

    @Test(
        arguments: [
            [1 << 63], [UInt64.max], [1 << 62, 2], [1 << 32, 1 << 32], [1 << 61, 1, 2], [1 << 61], [1 << 61 - 1],
            [1 << 21, 1 << 21, 1 << 21], [0, .max],
        ] as [[UInt64]])
    func `G7 extents, products and byte counts that pass 63 bits are refused`(extents: [UInt64]) {
        expectFault("x") { _ = try Self.open(extents) }
    }

    @Test func `G7 block formats overflow later than floats, and are refused by their bytes`() {
        // 2^62 elements of Q8_0 take 2^62 / 32 · 34 bytes: that fits 63 bits, but no file.
        expectFault("x", "end of the file") { _ = try Self.open([1 << 62], type: 8) }
        expectFault("x", "2^63") { _ = try Self.open([1 << 62], type: 30) }
    }

    @Test func `G7 sizes whose sum would wrap are refused`() {
        var file = GGUFBuilder()
        // 2^62 bytes each: four of them are 2^64, which is 0.
        for index in 0..<4 {
            let offset = UInt64(index % 2) << 62
            file.tensors.append(.init(name: "x\(index)", extents: [1 << 60], type: 0, data: [], offset: offset))
        }
        expectFault("x") { _ = try GGUFFile(bytes: file.bytes(), name: "model.gguf") }
        expectFault("x") { _ = try Self.open([1 << 61 - 1], offset: 0) }
        expectFault("x") { _ = try Self.open([16], offset: UInt64(Int.max) - 31) }
    }

    @Test func `G7 a zero extent is legal`() throws {
        let tensor = try Self.open([32, 0], data: 0)
        #expect(tensor.shape == [0, 32] && tensor.bytes.isEmpty)
    }

    @Test func `G8 a row of no whole blocks is refused`() {
        expectFault("x", "Q4_0 blocks of 32", "33") { _ = try Self.open([33], type: 2) }
        expectFault("x", "Q4_K blocks of 256", "32") { _ = try Self.open([32, 8], type: 12) }
        // The element count fits, the rows don't.
        expectFault("x", "Q4_0 blocks of 32", "16") { _ = try Self.open([16, 2], type: 2) }
    }

    @Test(arguments: [4, 5, 9, 15, 31, 32, 33, 36, 37, 38, 99, .max] as [UInt32])
    func `G8 unknown and removed types are refused`(type: UInt32) {
        expectFault("x", "type number \(type)") { _ = try Self.open([256], type: type) }
    }

    @Test(arguments: BlockFormat.allCases)
    func `every block format has its size in files`(format: BlockFormat) throws {
        let columns = format.blockElements * 2
        let bytes = format.blockBytes * 6
        let tensor = try Self.open([UInt64(columns), 3], type: format.rawValue, data: bytes)
        #expect(tensor.elementType == .weight(format) && tensor.bytes.count == bytes)
        expectFault("end of the file") {
            _ = try Self.open([UInt64(columns), 3], type: format.rawValue, data: bytes - 1)
        }
    }

    @Test(arguments: [(24, 1, "I8"), (25, 2, "I16"), (26, 4, "I32"), (27, 8, "I64"), (28, 8, "F64")])
    func `types that no weight has are known by size`(type: Int, bytes: Int, name: String) throws {
        let tensor = try Self.open([3], type: UInt32(type), data: 3 * bytes)
        #expect(tensor.elementType.name == name && tensor.bytes.count == 3 * bytes)
    }

    @Test func `G9 offsets that are unaligned, overlap, leave a hole or pass the end are refused`() {
        let cases: [(offsets: [UInt64], part: String)] = [
            ([1, 32], "multiple of 32"), ([32, 64], "the offset 0"), ([0, 0], "the offset 32"),
            ([0, 64], "the offset 32"), ([0, 33], "multiple of 32"), ([0, 1 << 40], "the offset 32"),
            ([0, UInt64(Int.max) - 31], "the offset 32"), ([0, 1 << 63], "2^63"),
        ]
        for (offsets, part) in cases {
            var file = GGUFBuilder()
            for (index, offset) in offsets.enumerated() {
                file.tensors.append(
                    .init(
                        name: "x\(index)", extents: [8], type: 0, data: Array(repeating: 0, count: 32), offset: offset))
            }
            expectFault(part) { _ = try GGUFFile(bytes: file.bytes(), name: "model.gguf") }
        }
    }

    @Test func `tensors may lie in another order than the header has them`() throws {
        var file = GGUFBuilder()
        for offset in [32, 0] as [UInt64] {
            file.tensors.append(
                .init(name: "x\(offset)", extents: [8], type: 0, data: Array(repeating: 0, count: 32), offset: offset))
        }
        let tensors = try GGUFFile(bytes: file.bytes(), name: "model.gguf").tensors
        #expect(tensors[0].bytes.lowerBound == tensors[1].bytes.upperBound)
    }
}
