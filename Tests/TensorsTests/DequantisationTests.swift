import Foundation
import OrderedJSON
import Tensors
import Testing

/// Each format against values by another implementation (golden/quant: random bytes of 4 x 512 elements).
@Suite struct DequantisationTests {
    static let quantised = BlockFormat.allCases.filter { $0.blockElements > 1 }

    @Test(arguments: quantised)
    func `blocks stand for the values that the reference reads`(format: BlockFormat) throws {
        let bytes = try Data(contentsOf: Self.folder.appending(path: "\(format.name).bin"))
        let expected = try Self.golden(format.name)
        #expect(bytes.count == format.bytes(forElements: expected.count))
        let values = Self.dequantise(Array(bytes), as: format, count: expected.count)
        for (index, (found, right)) in zip(values, expected).enumerated() where found != right {
            #expect(abs(found - right) <= right.ulp, "element \(index): \(found), reference \(right)")
        }
    }

    @Test(arguments: quantised)
    func `the index of the fixtures agrees on numbers and sizes`(format: BlockFormat) throws {
        let index = try JSONValue(parsing: Array(Data(contentsOf: Self.folder.appending(path: "index.json"))))
        let entry = try #require(index[format.name])
        #expect(entry["ggml_type"]?.integer == Int(format.rawValue))
        #expect(entry["block"]?.integer == format.blockElements)
        #expect(entry["block_bytes"]?.integer == format.blockBytes)
    }

    @Test func `the fixtures hold no format that is unknown here`() throws {
        let index = try JSONValue(parsing: Array(Data(contentsOf: Self.folder.appending(path: "index.json"))))
        #expect(Set(try #require(index.object).keys) == Set(Self.quantised.map(\.name)))
    }

    @Test func `every half-precision number is read exactly`() {
        let bits = (0...UInt16.max).map { $0 }
        let bytes = bits.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        let values = Self.dequantise(bytes, as: .f16, count: bits.count)
        for (bits, value) in zip(bits, values) {
            let right = Float(Float16(bitPattern: bits))
            #expect(value.isNaN ? right.isNaN : value.bitPattern == right.bitPattern)
        }
    }

    @Test func `a bfloat16 is the upper half of a float`() {
        let values = Self.dequantise([0x80, 0x3F, 0x49, 0xC0, 0x80, 0x7F, 0x01, 0x00], as: .bf16, count: 4)
        #expect(values == [1, -3.140625, .infinity, Float(bitPattern: 0x0001_0000)])
    }

    @Test func `floats need no alignment`() {
        let values: [Float] = [1.5, -.infinity, 0x1p-149]
        var bytes: [UInt8] = [7]
        for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 } }
        #expect(Self.dequantise(bytes, as: .f32, count: 3, skipping: 1) == values)
    }

    @Test(arguments: BlockFormat.allCases)
    func `sizes are whole blocks that fit 63 bits`(format: BlockFormat) {
        #expect(format.bytes(forElements: 0) == 0)
        #expect(format.bytes(forElements: format.blockElements * 3) == format.blockBytes * 3)
        #expect(format.bytes(forElements: -format.blockElements) == nil)
        if format.blockElements > 1 { #expect(format.bytes(forElements: format.blockElements + 1) == nil) }
        let most = Int.max / format.blockElements * format.blockElements
        #expect((format.bytes(forElements: most) == nil) == (format.blockBytes > format.blockElements))
    }
}

extension DequantisationTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/golden/quant")

    static func dequantise(_ bytes: [UInt8], as format: BlockFormat, count: Int, skipping: Int = 0) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { values, initialized in
            bytes.withUnsafeBytes { bytes in
                format.dequantise(
                    UnsafeRawBufferPointer(rebasing: bytes.dropFirst(skipping)),
                    into: UnsafeMutableBufferPointer(rebasing: values.prefix(count)))
            }
            initialized = count
        }
    }

    /// A float tensor of golden.safetensors, read by hand: the project's reader is tested elsewhere.
    static func golden(_ name: String) throws -> [Float] {
        let file = Array(try Data(contentsOf: folder.appending(path: "golden.safetensors")))
        let length = (0..<8).reduce(0) { $0 | Int(file[$1]) << (8 * $1) }
        let header = try JSONValue(parsing: Array(file[8..<(8 + length)]))
        let offsets = try #require(header[name]?["data_offsets"]?.array)
        let range = offsets.compactMap(\.integer)
        return dequantise(
            Array(file[(8 + length + range[0])..<(8 + length + range[1])]), as: .f32, count: (range[1] - range[0]) / 4)
    }
}
