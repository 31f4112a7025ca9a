import Checkpoints
import Foundation
import LanguageModels
import OrderedJSON
import Tensors

/// `golden.safetensors` of a folder, read by hand: the reader under test must not vouch for itself.
struct Golden {
    private let header: JSONObject
    private let data: [UInt8]

    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/golden/\(name)").path
    }

    init(_ folder: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/golden.safetensors")))
        let length = bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        header = try JSONValue(parsing: Array(bytes[8..<8 + length]), limits: .file).object ?? JSONObject()
        data = Array(bytes[(8 + length)...])
    }

    private func words(_ name: String) -> [UInt32]? {
        guard let offsets = header[name]?["data_offsets"]?.array?.compactMap(\.integer), offsets.count == 2 else {
            return nil
        }
        return stride(from: offsets[0], to: offsets[1], by: 4).map { at in
            data[at..<at + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    func floats(_ name: String) -> [Float]? { words(name)?.map { Float(bitPattern: $0) } }
    func ids(_ name: String) -> [Int32] { words(name)?.map { Int32(bitPattern: $0) } ?? [] }
}

/// How far scores lie from the golden ones.
struct Difference {
    let largest: Float
    let rms: Float
    /// Mean over tokens of KL(expected ‖ found).
    let divergence: Double

    /// - Parameter flips: how many of the worst rows are left out, where a router's near tie may send a token to another
    ///   expert (golden/MANIFEST.md).
    init(found: [Float], expected: [Float], width: Int, flips: Int = 0) {
        guard found.count == expected.count, !found.isEmpty else {
            (largest, rms, divergence) = (.infinity, .infinity, .infinity)
            return
        }
        let rows = stride(from: 0, to: found.count, by: width).map { $0..<$0 + width }.sorted {
            Self.largest(found[$0], expected[$0]) < Self.largest(found[$1], expected[$1])
        }.dropLast(flips)
        largest = rows.map { Self.largest(found[$0], expected[$0]) }.max() ?? 0
        let squares = rows.joined().reduce(Float(0)) { $0 + (found[$1] - expected[$1]) * (found[$1] - expected[$1]) }
        rms = (squares / Float(rows.count * width)).squareRoot()
        let divergences = rows.map { row in
            let p = Self.logSoftmax(expected[row]), q = Self.logSoftmax(found[row])
            return zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
        }
        divergence = divergences.reduce(0, +) / Double(rows.count)
    }

    private static func largest(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Float {
        zip(a, b).map { abs($0 - $1) }.max() ?? 0
    }

    private static func logSoftmax(_ row: ArraySlice<Float>) -> [Double] {
        let largest = Double(row.max() ?? 0)
        let total = log(row.reduce(0) { $0 + exp(Double($1) - largest) })
        return row.map { Double($0) - largest - total }
    }
}

extension Decoder {
    func makeTestCache(_ format: CacheFormat = .bf16) throws -> any KeyValueCache {
        try device.makeCache(
            CacheShape(
                layers: config.numHiddenLayers, kvHeads: config.numKeyValueHeads, headDim: config.headDim, pages: 16,
                format: format))
    }

    /// Scores of all tokens of `ids`, fed in pieces of the given sizes.
    func scores(of ids: [Int32], chunks: [Int], cache format: CacheFormat = .bf16) throws -> [Float] {
        let cache = try makeTestCache(format)
        var position = 0
        return chunks.flatMap { count in
            var batch = Batch()
            batch.append(ids[position..<position + count], position: position, pages: Array(0..<8))
            position += count
            return logits(hiddenStates(of: batch, rows: Array(0..<count), cache: cache)).floats
        }
    }

    /// Whether greedy decoding follows `expected` up to the first step at which our two best are nearer than `margin`.
    func followsGreedy(
        _ expected: [Int32], after prompt: [Int32], margin: Float, cache format: CacheFormat
    ) throws -> Bool {
        let cache = try makeTestCache(format)
        var (next, position) = (prompt, 0)
        for id in expected {
            var batch = Batch()
            batch.append(next, position: position, pages: Array(0..<8))
            position += next.count
            let row = logits(hiddenStates(of: batch, rows: [next.count - 1], cache: cache)).floats
            let best = row.indices.sorted { row[$0] > row[$1] }
            if row[best[0]] - row[best[1]] < margin { return true }
            guard best[0] == Int(id) else { return false }
            next = [id]
        }
        return true
    }
}
