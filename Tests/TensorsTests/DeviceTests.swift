import Foundation
import Tensors
import TestSupport
import Testing

/// Every operation of the processor against the reference, on every instruction set that runs here.
@Suite struct DeviceTests {
    static let instructionSets = ["portable", "avx2", "avx512", "avx512bf16", "neon"].filter { (name: String) in
        CPUDevice(threads: 1, instructionSet: name) != nil
    }
    /// Formats that the engine runs, and some that it expands to 8 bits.
    static let formats: [BlockFormat] = [
        .f32, .f16, .bf16, .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4_K, .q5_K, .q6_K, .iq4_xs, .iq4_nl, .q2_K, .mxfp4,
    ]
    /// Of the length of a weight row, for activations within ±1: an 8-bit activation is off by at most 1/254 of its
    /// block's largest, evenly spread, so a row's error deviates by |w| / 254 / √3; this is twelve times that.
    static let integerBound: Float = 0.03
    /// The same for activations rounded to bf16: off by at most 2^-9 of themselves.
    static let pairBound: Float = 0.008
    /// The same for halves of either kind as 16-bit integers, 13 bits and a sign for the largest of a block.
    static let int16Bound: Float = 0.0008
    /// Rounding of float sums of a few hundred terms.
    static let floatBound: Float = 1e-4

    static func bound(_ format: BlockFormat, _ instructionSet: String) -> Float {
        switch (format, instructionSet) {
        case (.f16, "avx2"), (.bf16, "avx2"): int16Bound
        case (.f32, _), (.f16, _): floatBound
        case (.bf16, _): pairBound
        default: integerBound
        }
    }

    @Test(arguments: formats, instructionSets)
    func `products agree with the reference for any number of rows`(format: BlockFormat, instructionSet: String) throws
    {
        let device = try #require(CPUDevice(threads: 2, instructionSet: instructionSet))
        let reference = ReferenceDevice()
        var random = SeededGenerator(seed: 11)
        // Only floats may be of any width.
        let odd = [BlockFormat.f32, .f16, .bf16].contains(format) ? [(20, 77), (33, 610)] : []
        for (rows, columns) in [(16, 256), (40, 512), (1, 256), (100, 256)] + odd {
            let matrix = RandomMatrix(format: format, rows: rows, columns: columns, using: &random)
            let (ours, theirs) = (try device.prepare([matrix]), try reference.prepare([matrix]))
            let opened = reference.embed((0..<Int32(rows)).map { $0 }, table: theirs).floats
            let lengths = (0..<rows).map { row in
                opened[row * columns..<(row + 1) * columns].reduce(0) { $0 + $1 * $1 }.squareRoot()
            }
            for count in [1, 2, 3, 6, 7, 13, 260] where count < 100 || columns > 256 {
                let values = (0..<count * columns).map { _ in Float.random(in: -1...1, using: &random) }
                let found = device.linear(device.tensor(values, shape: [count, columns]), [Projection(ours)])[0].floats
                let expected = reference.linear(
                    reference.tensor(values, shape: [count, columns]), [Projection(theirs)])[0].floats
                let bound = Self.bound(format, instructionSet)
                let isNear = found.indices.allSatisfy { abs(found[$0] - expected[$0]) <= bound * lengths[$0 % rows] }
                #expect(isNear && found.count == expected.count, "\(rows)x\(columns), \(count) rows")
            }
        }
    }

    @Test(arguments: formats)
    func `a packed row opens to what the format says`(format: BlockFormat) throws {
        let device = try #require(CPUDevice(threads: 1))
        var random = SeededGenerator(seed: 5)
        let matrix = RandomMatrix(format: format, rows: 33, columns: 256, using: &random)
        let ids: [Int32] = [0, 15, 16, 32]
        let found = device.embed(ids, table: try device.prepare([matrix])).floats
        let expected = ReferenceDevice().embed(ids, table: try ReferenceDevice().prepare([matrix])).floats
        let largest = expected.map { abs($0) }.max() ?? 0
        let bound = device.keeps(format) ? 1e-6 : 1.0 / 127
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= Float(bound) * largest })
    }

    @Test(arguments: instructionSets)
    func `a row's result doesn't depend on the rows beside it`(instructionSet: String) throws {
        let device = try #require(CPUDevice(threads: 2, instructionSet: instructionSet))
        var random = SeededGenerator(seed: 3)
        for format in Self.formats {
            let weight = try device.prepare([RandomMatrix(format: format, rows: 50, columns: 256, using: &random)])
            let values = (0..<305 * 256).map { _ in Float.random(in: -2...2, using: &random) }
            let all = device.linear(device.tensor(values, shape: [305, 256]), [Projection(weight)])[0].floats
            for row in [0, 5, 16, 251, 252, 304] {
                let alone = device.tensor(Array(values[row * 256..<(row + 1) * 256]), shape: [1, 256])
                #expect(device.linear(alone, [Projection(weight)])[0].floats == Array(all[row * 50..<(row + 1) * 50]))
            }
        }
    }

    @Test(arguments: instructionSets)
    func `norms, gates and residuals agree with the reference`(instructionSet: String) throws {
        let device = try #require(CPUDevice(threads: 2, instructionSet: instructionSet))
        let reference = ReferenceDevice()
        var random = SeededGenerator(seed: 8)
        for width in [16, 32, 576, 1000] {
            let x = (0..<5 * width).map { _ in Float.random(in: -3...3, using: &random) }
            let w = (0..<width).map { _ in Float.random(in: 0.5...1.5, using: &random) }
            let found = device.rmsNorm(
                device.tensor(x, shape: [5, width]), weight: device.tensor(w, shape: [width]), epsilon: 1e-6)
            let expected = reference.rmsNorm(
                reference.tensor(x, shape: [5, width]), weight: reference.tensor(w, shape: [width]), epsilon: 1e-6)
            #expect(zip(found.floats, expected.floats).allSatisfy { abs($0 - $1) < 1e-5 })
        }
        let gate = RandomMatrix(format: .f32, rows: 24, columns: 64, using: &random)
        let up = RandomMatrix(format: .f32, rows: 24, columns: 64, using: &random)
        let values = (0..<3 * 64).map { _ in Float.random(in: -4...4, using: &random) }
        let rest = (0..<3 * 24).map { _ in Float.random(in: -1...1, using: &random) }
        func run(_ device: any Device) throws -> [Float] {
            let x = device.tensor(values, shape: [3, 64])
            return device.gatedLinear(x, gate: try device.prepare([gate]), up: try device.prepare([up])).floats
                + device.linear(x, try device.prepare([up]), addedTo: device.tensor(rest, shape: [3, 24])).floats
        }
        let (found, expected) = (try run(device), try run(reference))
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 2e-3 * max(1, abs($1)) })
    }

    /// Keys, values and queries within 1, so bf16 is off by at most 2^-9 of them and weights likewise; 8 bits by 1/254 of the
    /// largest each, evenly spread over the columns of a score and over the weighted values: of the order of 2^-7.
    /// AVX2 keeps 16 bits as codes up to 4095 with scales, off by 2^-13 of the largest, and its weights by 2^-14.
    static func bound(_ format: CacheFormat, _ instructionSet: String, headDim: Int) -> Float {
        switch format {
        case .f32: 1e-5
        case .bf16: instructionSet == "avx2" && headDim % 32 == 0 ? 5e-4 : 6e-3
        case .int8: 1.2e-2
        }
    }

    @Test(arguments: instructionSets, CacheFormat.allCases)
    func `attention agrees with the reference across pages and chunks`(
        instructionSet: String, format: CacheFormat
    ) throws {
        let device = try #require(CPUDevice(threads: 2, instructionSet: instructionSet))
        var random = SeededGenerator(seed: 21)
        for (heads, kvHeads, dim, tokens) in [
            (4, 2, 32, 5), (9, 3, 64, 40), (3, 1, 16, 700), (12, 1, 32, 17), (2, 1, 16, 2100),
        ] {
            let q = (0..<tokens * heads * dim).map { _ in Float.random(in: -1...1, using: &random) }
            let k = (0..<tokens * kvHeads * dim).map { _ in Float.random(in: -1...1, using: &random) }
            let v = (0..<tokens * kvHeads * dim).map { _ in Float.random(in: -1...1, using: &random) }
            let pages = (0..<Int32((tokens + 15) / 16)).reversed().map { $0 }
            func run(_ device: any Device) throws -> [Float] {
                let cache = try device.makeCache(
                    CacheShape(layers: 1, kvHeads: kvHeads, headDim: dim, pages: pages.count, format: format))
                var batch = Batch()
                batch.append([Int32](repeating: 0, count: tokens), position: 0, pages: pages)
                let ones = device.tensor([Float](repeating: 1, count: tokens * dim / 2), shape: [tokens, dim / 2])
                let zeros = device.tensor([Float](repeating: 0, count: tokens * dim / 2), shape: [tokens, dim / 2])
                return device.attention(
                    query: device.tensor(q, shape: [tokens, heads * dim]),
                    key: device.tensor(k, shape: [tokens, kvHeads * dim]),
                    value: device.tensor(v, shape: [tokens, kvHeads * dim]),
                    heads: AttentionHeads(heads: heads, kvHeads: kvHeads, headDim: dim), batch: batch,
                    rotary: RotaryAngles(cosine: ones, sine: zeros, isInterleaved: false), cache: cache, layer: 0
                ).floats
            }
            let bound = Self.bound(format, instructionSet, headDim: dim)
            let (found, expected) = (try run(device), try run(ReferenceDevice()))
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) < bound }, "\(heads) heads, \(tokens) tokens")
        }
    }

    @Test(arguments: instructionSets, CacheFormat.allCases)
    func `attention over many keys is the same however it is shared out`(
        instructionSet: String, format: CacheFormat
    ) throws {
        let (tokens, heads, dim) = (2100, 1, 32)
        var random = SeededGenerator(seed: 22)
        let rows = (0..<3).map { _ in (0..<tokens * heads * dim).map { _ in Float.random(in: -1...1, using: &random) } }
        let pages = (0..<Int32((tokens + 15) / 16)).reversed().map { $0 }
        /// The last rows of the sequence when its tokens come in steps of these sizes.
        func last(_ steps: [Int], threads: Int) throws -> [Float] {
            let device = try #require(CPUDevice(threads: threads, instructionSet: instructionSet))
            let cache = try device.makeCache(
                CacheShape(layers: 1, kvHeads: heads, headDim: dim, pages: pages.count, format: format))
            var (done, found) = (0, [Float]())
            for step in steps {
                var batch = Batch()
                batch.append([Int32](repeating: 0, count: step), position: done, pages: pages)
                let parts = rows.map { row in
                    let part = Array(row[done * heads * dim..<(done + step) * heads * dim])
                    return device.tensor(part, shape: [step, heads * dim])
                }
                let ones = device.tensor([Float](repeating: 1, count: step * dim / 2), shape: [step, dim / 2])
                let zeros = device.tensor([Float](repeating: 0, count: step * dim / 2), shape: [step, dim / 2])
                found = device.attention(
                    query: parts[0], key: parts[1], value: parts[2],
                    heads: AttentionHeads(heads: heads, kvHeads: heads, headDim: dim), batch: batch,
                    rotary: RotaryAngles(cosine: ones, sine: zeros, isInterleaved: false), cache: cache, layer: 0
                ).floats.suffix(heads * dim)
                done += step
            }
            return found
        }
        let whole = try last([tokens], threads: 2)
        #expect(try last([tokens - 1, 1], threads: 3) == whole)
        #expect(try last([2048, 51, 1], threads: 1) == whole)
    }

    @Test(arguments: [0, 8, 24, 528]) func `heads that no layout holds are refused`(width: Int) throws {
        let device = try #require(CPUDevice(threads: 1))
        #expect(throws: TensorError.self) {
            try device.makeCache(CacheShape(layers: 1, kvHeads: 1, headDim: width, pages: 1))
        }
    }

    @Test func `matrices that are no whole number of blocks are refused`() throws {
        let device = try #require(CPUDevice(threads: 1))
        var random = SeededGenerator(seed: 2)
        let matrix = RandomMatrix(format: .q4_0, rows: 4, columns: 64, using: &random)
        #expect(throws: TensorError.self) { try device.prepare([matrix.reshaped(rows: 8, columns: 33)]) }
        #expect(throws: TensorError.self) { try device.prepare([matrix.reshaped(rows: 3, columns: 64)]) }
        #expect(throws: TensorError.self) { try device.prepare([]) }
    }
}

/// Random blocks with moderate scales.
struct RandomMatrix: StoredMatrix {
    let name = "random"
    let format: BlockFormat
    let rows: Int
    let columns: Int
    private let bytes: [UInt8]

    init(format: BlockFormat, rows: Int, columns: Int, using random: inout SeededGenerator) {
        self.format = format
        self.rows = rows
        self.columns = columns
        let blocks = rows * columns / format.blockElements
        var bytes: [UInt8] = []
        for _ in 0..<blocks { bytes += Self.block(format, using: &random) }
        self.bytes = bytes
    }

    private init(_ other: RandomMatrix, rows: Int, columns: Int) {
        format = other.format
        bytes = other.bytes
        self.rows = rows
        self.columns = columns
    }

    func waitUntilHere() {}

    /// The same bytes under another shape.
    func reshaped(rows: Int, columns: Int) -> RandomMatrix { RandomMatrix(self, rows: rows, columns: columns) }

    private static func block(_ format: BlockFormat, using random: inout SeededGenerator) -> [UInt8] {
        var bytes = (0..<format.blockBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
        /// Half-precision numbers between 2^-7 and 2^-6.
        func half() -> [UInt8] {
            [UInt8.random(in: 0...255, using: &random), 0x20 | UInt8.random(in: 0...3, using: &random)]
        }
        switch format {
        case .f32:
            let value = Float.random(in: -1...1, using: &random).bitPattern
            bytes = (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        case .f16: bytes = half()
        case .bf16: bytes[1] = 0x3E
        case .q4_1, .q5_1, .q4_K, .q5_K: bytes.replaceSubrange(0..<4, with: half() + half())
        case .q6_K: bytes.replaceSubrange(208..<210, with: half())
        case .q2_K: bytes.replaceSubrange(80..<84, with: half() + half())
        case .mxfp4: bytes[0] = 121
        default: bytes.replaceSubrange(0..<2, with: half())
        }
        return bytes
    }

    var byteCount: Int { bytes.count }
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) {
        buffer.copyBytes(from: bytes[offset..<offset + buffer.count])
    }
}
