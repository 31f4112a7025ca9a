import CKernels
import Foundation

/// The processor: our C kernels, the best instruction set it has, and a team of threads.
@safe public final class CPUDevice: Device {
    nonisolated(unsafe) let kernels: UnsafePointer<hk_kernels>
    let team: WorkerTeam
    let pool = FloatPool()
    let order = ReadingOrder()

    /// The processor with `threads` threads.
    /// - Parameters:
    ///   - threads: at least 1; usually one per core that the process may use.
    ///   - instructionSet: `portable`, `avx2`, `avx512` or `neon`; the best one if none is given.
    /// - Returns: `nil` if that instruction set can't run here.
    public init?(threads: Int, instructionSet: String? = nil) {
        guard let kernels = unsafe hk_select(instructionSet) else { return nil }
        unsafe self.kernels = unsafe kernels
        team = WorkerTeam(threads: threads)
    }

    deinit { team.dissolve() }

    /// `portable`, `avx2`, `avx512` or `neon`.
    public var instructionSet: String { unsafe String(cString: kernels.pointee.name) }
    /// Threads of the team.
    public var threads: Int { team.threads }
    /// See ``Device/name``.
    public var name: String { "cpu (\(instructionSet), \(threads) threads)" }

    func makeTensor(_ shape: [Int]) -> Tensor {
        Tensor(shape: shape, storage: pool.storage(count: shape.reduce(1, *)))
    }

    /// See ``Device/tensor(_:shape:)``.
    public func tensor(_ values: [Float], shape: [Int]) -> Tensor {
        let tensor = makeTensor(shape)
        precondition(tensor.count == values.count, "values must fill the shape")
        unsafe values.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { unsafe tensor.storage.base.update(from: base, count: source.count) }
        }
        return tensor
    }

    /// See ``Device/makeCache(_:)``.
    public func makeCache(_ shape: CacheShape) throws(TensorError) -> any KeyValueCache {
        unsafe try CPUCache(shape, int16: kernels.pointee.int16_floats)
    }

    func own(_ weight: any Weight) -> CPUWeight {
        guard let weight = weight as? CPUWeight else { preconditionFailure("the weight belongs to another device") }
        return weight
    }

    /// See ``Device/embed(_:table:)``.
    public func embed(_ ids: [Int32], table: any Weight) -> Tensor {
        let table = own(table)
        let output = makeTensor([ids.count, table.columns])
        for (row, id) in ids.enumerated() {
            precondition(id >= 0 && Int(id) < table.rows, "token ids must be below the vocabulary's size")
            unsafe hk_unpack_row(
                table.layout, table.panels() + Int(id) / 16 * table.panelBytes, table.columns, id % 16,
                output.storage.base + row * table.columns)
        }
        return output
    }

    /// See ``Device/rows(_:_:)``.
    public func rows(_ x: Tensor, _ indices: [Int]) -> Tensor {
        let output = makeTensor([indices.count, x.width])
        for (row, index) in indices.enumerated() {
            precondition(index >= 0 && index < x.rows, "indices must be rows of x")
            unsafe (output.storage.base + row * x.width).update(from: x.storage.base + index * x.width, count: x.width)
        }
        return output
    }

    /// See ``Device/rmsNorm(_:weight:epsilon:)``.
    public func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Float) -> Tensor {
        precondition(weight.count == x.width, "the weight must be as wide as x")
        let output = makeTensor(x.shape)
        team.share(x.rows, piece: Self.rowPiece) { range, _ in
            unsafe kernels.pointee.rms_norm(
                x.storage.base, weight.storage.base, epsilon, x.width, range.lowerBound, range.upperBound,
                output.storage.base)
        }
        return output
    }

    /// Rows of light work that one thread takes at a time; fewer aren't worth calling the team.
    static let rowPiece = 4
}
