import Foundation

/// Plain Swift, slow and obviously right: the oracle of every kernel test. Everything is f32, weights are opened fully.
public final class ReferenceDevice: Device {
    private let pool = FloatPool()

    /// A device of its own.
    public init() {}

    /// See ``Device/name``.
    public var name: String { "reference" }

    /// See ``Device/keeps(_:)``.
    public func keeps(_ format: BlockFormat) -> Bool { format == .f32 }

    /// See ``Device/tensor(_:shape:)``.
    public func tensor(_ values: [Float], shape: [Int]) -> Tensor {
        let storage = pool.storage(count: values.count)
        unsafe values.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { unsafe storage.base.update(from: base, count: source.count) }
        }
        return Tensor(shape: shape, storage: storage)
    }

    /// See ``Device/prepare(_:)``.
    public func prepare(_ matrices: [any StoredMatrix]) throws -> any Weight {
        let shape = try commonShape(of: matrices)
        return ReferenceWeight(
            rows: shape.rows, columns: shape.columns,
            matrices: try matrices.map { matrix in
                var values = [Float](repeating: 0, count: shape.rows * shape.columns)
                var stored = [UInt8](repeating: 0, count: matrix.byteCount)
                try unsafe stored.withUnsafeMutableBytes { bytes in
                    unsafe try matrix.read(at: 0, into: bytes)
                    unsafe values.withUnsafeMutableBufferPointer {
                        unsafe matrix.format.dequantise(UnsafeRawBufferPointer(bytes), into: $0)
                    }
                }
                return values
            })
    }

    /// See ``Device/makeCache(_:)``.
    public func makeCache(_ shape: CacheShape) -> any KeyValueCache { ReferenceCache(shape) }

    /// See ``Device/embed(_:table:)``.
    public func embed(_ ids: [Int32], table: any Weight) -> Tensor {
        let table = own(table)
        let values = ids.flatMap { table.matrices[0][Int($0) * table.columns..<(Int($0) + 1) * table.columns] }
        return tensor(values, shape: [ids.count, table.columns])
    }

    /// See ``Device/rows(_:_:)``.
    public func rows(_ x: Tensor, _ indices: [Int]) -> Tensor {
        let values = x.floats
        return tensor(indices.flatMap { values[$0 * x.width..<($0 + 1) * x.width] }, shape: [indices.count, x.width])
    }

    /// See ``Device/rmsNorm(_:weight:epsilon:)``.
    public func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Float) -> Tensor {
        let scale = weight.floats
        let rows = rows(of: x).map { Self.rmsNorm($0, weight: scale, epsilon: epsilon) }
        return tensor(rows.flatMap { $0 }, shape: x.shape)
    }

    /// See ``Device/linear(_:_:)``.
    public func linear(_ x: Tensor, _ projections: [Projection]) -> [Tensor] {
        let rows = rows(of: x)
        return projections.map { projection in
            let weight = own(projection.weight)
            let bias = projection.bias?.floats ?? [Float](repeating: 0, count: weight.rows)
            let values = rows.flatMap { row in zip(weight.product(row), bias).map { $0 + $1 } }
            return tensor(values, shape: [x.rows, weight.rows])
        }
    }

    /// See ``Device/linear(_:_:addedTo:)``.
    public func linear(_ x: Tensor, _ weight: any Weight, addedTo residual: Tensor) -> Tensor {
        let product = linear(x, [Projection(weight)])[0].floats
        return tensor(zip(residual.floats, product).map { $0 + $1 }, shape: residual.shape)
    }

    /// See ``Device/gatedLinear(_:gate:up:)``.
    public func gatedLinear(_ x: Tensor, gate: any Weight, up: any Weight) -> Tensor {
        let both = linear(x, [Projection(gate), Projection(up)]).map(\.floats)
        return tensor(zip(both[0], both[1]).map { Self.silu($0) * $1 }, shape: [x.rows, up.rows])
    }

    /// See ``Device/experts(_:mixture:addedTo:)``.
    public func experts(_ x: Tensor, mixture: ExpertMixture, addedTo residual: Tensor) -> Tensor {
        let (router, gate, up, down) = (own(mixture.router), own(mixture.gate), own(mixture.up), own(mixture.down))
        var output = residual.floats
        for (token, row) in rows(of: x).enumerated() {
            let choice = ExpertChoice(
                logits: router.product(row), used: mixture.used, isNormalised: mixture.isNormalised)
            for (expert, weight) in zip(choice.experts, choice.weights) {
                let inner = zip(gate.product(row, matrix: expert), up.product(row, matrix: expert)).map {
                    Self.silu($0) * $1
                }
                for (column, value) in down.product(inner, matrix: expert).enumerated() {
                    output[token * residual.width + column] += weight * value
                }
            }
        }
        return tensor(output, shape: residual.shape)
    }

    /// See ``Device/attention(query:key:value:heads:batch:rotary:cache:layer:)``.
    public func attention(
        query: Tensor, key: Tensor, value: Tensor, heads: AttentionHeads, batch: Batch, rotary: RotaryAngles,
        cache: any KeyValueCache, layer: Int
    ) -> Tensor {
        guard let cache = cache as? ReferenceCache else { preconditionFailure("the cache belongs to another device") }
        let dim = heads.headDim
        let (queries, keys, values) = (query.floats, key.floats, value.floats)
        let (cosine, sine) = (rotary.cosine.floats, rotary.sine.floats)
        func head(_ all: [Float], _ token: Int, _ index: Int, of count: Int) -> [Float] {
            Array(all[(token * count + index) * dim..<(token * count + index + 1) * dim])
        }
        func turned(_ head: [Float], _ norm: Tensor?, _ token: Int) -> [Float] {
            let x = norm.map { Self.rmsNorm(head, weight: $0.floats, epsilon: heads.epsilon) } ?? head
            let angles = token * dim / 2..<(token + 1) * dim / 2
            return Self.rotate(
                x, cosine: Array(cosine[angles]), sine: Array(sine[angles]), isInterleaved: rotary.isInterleaved)
        }
        var output = [Float](repeating: 0, count: query.count)
        for part in batch.parts {
            for token in part.start..<part.start + part.count {
                let position = part.position + token - part.start
                for h in 0..<heads.kvHeads {
                    cache.store(
                        key: turned(head(keys, token, h, of: heads.kvHeads), heads.keyNorm, token),
                        value: head(values, token, h, of: heads.kvHeads), layer: layer, head: h, position: position,
                        pages: part.pages)
                }
                for h in 0..<heads.heads {
                    let q = turned(head(queries, token, h, of: heads.heads), heads.queryNorm, token)
                    let attended = cache.attend(
                        q, layer: layer, head: h / (heads.heads / heads.kvHeads), keys: position + 1, pages: part.pages)
                    output.replaceSubrange(
                        (token * heads.heads + h) * dim..<(token * heads.heads + h + 1) * dim, with: attended)
                }
            }
        }
        return tensor(output, shape: query.shape)
    }

    private func own(_ weight: any Weight) -> ReferenceWeight {
        guard let weight = weight as? ReferenceWeight else {
            preconditionFailure("the weight belongs to another device")
        }
        return weight
    }

    private func rows(of x: Tensor) -> [[Float]] {
        let values = x.floats
        return (0..<x.rows).map { Array(values[$0 * x.width..<($0 + 1) * x.width]) }
    }
}

extension ReferenceDevice {
    static func silu(_ x: Float) -> Float { x / (1 + exp(-x)) }

    static func rmsNorm(_ x: [Float], weight: [Float], epsilon: Float) -> [Float] {
        let mean = x.reduce(0) { $0 + $1 * $1 } / Float(x.count)
        let factor = 1 / (mean + epsilon).squareRoot()
        return zip(x, weight).map { $0 * factor * $1 }
    }

    static func rotate(_ x: [Float], cosine: [Float], sine: [Float], isInterleaved: Bool) -> [Float] {
        var y = x
        for i in cosine.indices {
            let (first, second) = isInterleaved ? (2 * i, 2 * i + 1) : (i, i + x.count / 2)
            y[first] = x[first] * cosine[i] - x[second] * sine[i]
            y[second] = x[second] * cosine[i] + x[first] * sine[i]
        }
        return y
    }
}

/// Matrices as plain floats, row after row.
private final class ReferenceWeight: Weight {
    let rows: Int
    let columns: Int
    let matrices: [[Float]]

    init(rows: Int, columns: Int, matrices: [[Float]]) {
        self.rows = rows
        self.columns = columns
        self.matrices = matrices
    }

    var count: Int { matrices.count }
    var bytes: Int { count * rows * columns * 4 }

    func product(_ x: [Float], matrix: Int = 0) -> [Float] {
        let weights = matrices[matrix]
        return (0..<rows).map { row in
            var sum: Float = 0
            for column in 0..<columns { sum += weights[row * columns + column] * x[column] }
            return sum
        }
    }
}
