import Synchronization

/// A device that runs another one and notes what each kind of step takes, for `hybrie bench --profile`.
public final class ProfiledDevice: Device {
    /// All calls of one kind of step.
    public struct Phase: Sendable {
        /// The operation and its shape, such as `linear 1024 → 3072`.
        public let name: String
        /// Calls so far.
        public fileprivate(set) var calls = 0
        /// Time of all calls.
        public fileprivate(set) var seconds = 0.0
        /// Bytes of weights, keys and values that the calls had to read.
        public fileprivate(set) var bytes = 0
        /// Products and sums of the calls, two for each element of a weight and row.
        public fileprivate(set) var operations = 0
    }

    private let inner: any Device
    private let noted = Mutex<[Phase]>([])

    /// Watches `inner`.
    public init(_ inner: any Device) { self.inner = inner }

    /// The kinds of steps so far, in the order of their first calls.
    public var phases: [Phase] { noted.withLock { $0 } }

    /// Forgets what was noted.
    public func reset() { noted.withLock { $0 = [] } }

    private func note<R>(_ name: String, bytes: Int = 0, operations: Int = 0, _ body: () -> R) -> R {
        let start = ContinuousClock.now
        let result = body()
        let seconds = start.duration(to: .now).seconds
        noted.withLock { phases in
            let index = phases.firstIndex { $0.name == name } ?? phases.count
            if index == phases.count { phases.append(Phase(name: name)) }
            phases[index].calls += 1
            phases[index].seconds += seconds
            phases[index].bytes += bytes
            phases[index].operations += operations
        }
        return result
    }

    private func noteLinear<R>(_ x: Tensor, _ weights: [any Weight], _ suffix: String = "", _ body: () -> R) -> R {
        let rows = weights.map { "\($0.rows)" }.joined(separator: " + ")
        return note(
            "linear \(x.width) → \(rows)\(suffix)", bytes: weights.reduce(0) { $0 + $1.bytes },
            operations: weights.reduce(0) { $0 + 2 * x.rows * $1.rows * $1.columns }, body)
    }

    /// See ``Device/name``.
    public var name: String { inner.name }
    /// See ``Device/keeps(_:)``.
    public func keeps(_ format: BlockFormat) -> Bool { inner.keeps(format) }
    /// See ``Device/tensor(_:shape:)``.
    public func tensor(_ values: [Float], shape: [Int]) -> Tensor { inner.tensor(values, shape: shape) }
    /// See ``Device/prepare(_:)``.
    public func prepare(_ matrices: [any StoredMatrix]) throws -> any Weight { try inner.prepare(matrices) }
    /// See ``Device/makeCache(_:)``.
    public func makeCache(_ shape: CacheShape) throws(TensorError) -> any KeyValueCache { try inner.makeCache(shape) }

    /// See ``Device/embed(_:table:)``.
    public func embed(_ ids: [Int32], table: any Weight) -> Tensor {
        note("embed", bytes: ids.count * table.bytes / table.rows) { inner.embed(ids, table: table) }
    }

    /// See ``Device/rows(_:_:)``.
    public func rows(_ x: Tensor, _ indices: [Int]) -> Tensor { note("rows") { inner.rows(x, indices) } }

    /// See ``Device/rmsNorm(_:weight:epsilon:)``.
    public func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Float) -> Tensor {
        note("rms norm") { inner.rmsNorm(x, weight: weight, epsilon: epsilon) }
    }

    /// See ``Device/linear(_:_:)``.
    public func linear(_ x: Tensor, _ projections: [Projection]) -> [Tensor] {
        noteLinear(x, projections.map(\.weight)) { inner.linear(x, projections) }
    }

    /// See ``Device/linear(_:_:addedTo:)``.
    public func linear(_ x: Tensor, _ weight: any Weight, addedTo residual: Tensor) -> Tensor {
        noteLinear(x, [weight], ", residual") { inner.linear(x, weight, addedTo: residual) }
    }

    /// See ``Device/gatedLinear(_:gate:up:)``.
    public func gatedLinear(_ x: Tensor, gate: any Weight, up: any Weight) -> Tensor {
        noteLinear(x, [gate, up], ", gated") { inner.gatedLinear(x, gate: gate, up: up) }
    }

    /// See ``Device/attention(query:key:value:heads:batch:rotary:cache:layer:)``.
    public func attention(
        query: Tensor, key: Tensor, value: Tensor, heads: AttentionHeads, batch: Batch, rotary: RotaryAngles,
        cache: any KeyValueCache, layer: Int
    ) -> Tensor {
        let seen = batch.parts.reduce(0) { $0 + $1.position + $1.count }
        let pairs = batch.positions.reduce(0) { $0 + $1 + 1 }
        return note(
            "attention", bytes: seen * cache.shape.bytesPerToken / cache.shape.layers,
            operations: 4 * pairs * heads.heads * heads.headDim
        ) {
            inner.attention(
                query: query, key: key, value: value, heads: heads, batch: batch, rotary: rotary, cache: cache,
                layer: layer)
        }
    }

    /// See ``Device/experts(_:mixture:addedTo:)``.
    public func experts(_ x: Tensor, mixture: ExpertMixture, addedTo residual: Tensor) -> Tensor {
        let stacks = [mixture.gate, mixture.up, mixture.down]
        // Which experts the tokens chose isn't seen here: as many as there can be.
        let busy = min(mixture.gate.count, x.rows * mixture.used)
        return note(
            "experts", bytes: stacks.reduce(mixture.router.bytes) { $0 + $1.bytes / $1.count * busy },
            operations: stacks.reduce(0) { $0 + 2 * x.rows * mixture.used * $1.rows * $1.columns }
        ) { inner.experts(x, mixture: mixture, addedTo: residual) }
    }
}
