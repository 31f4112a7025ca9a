import CKernels
import Synchronization

extension CPUDevice {
    /// See ``Device/linear(_:_:)``.
    public func linear(_ x: Tensor, _ projections: [Projection]) -> [Tensor] {
        // Weights of one kind share one packing.
        var inputs: [UInt32: Activations] = [:]
        for weight in projections.map({ own($0.weight) }) where inputs[weight.activationKind.rawValue] == nil {
            inputs[weight.activationKind.rawValue] = Activations(x, for: weight, on: self)
        }
        let outputs = projections.map { makeTensor([x.rows, $0.weight.rows]) }
        unsafe sweep(
            zip(projections, outputs).compactMap { projection, output in
                let weight = own(projection.weight)
                guard let input = inputs[weight.activationKind.rawValue] else { return nil }
                var job = unsafe input.job(weight, output: output)
                unsafe job.bias = UnsafePointer(projection.bias?.storage.base)
                return unsafe job
            })
        return outputs
    }

    /// See ``Device/linear(_:_:addedTo:)``.
    public func linear(_ x: Tensor, _ weight: any Weight, addedTo residual: Tensor) -> Tensor {
        let weight = own(weight)
        precondition(
            residual.rows == x.rows && residual.width == weight.rows, "the residual must have the product's shape")
        let input = Activations(x, for: weight, on: self)
        let output = makeTensor(residual.shape)
        var job = unsafe input.job(weight, output: output)
        unsafe job.residual = UnsafePointer(residual.storage.base)
        unsafe sweep([job])
        return output
    }

    /// See ``Device/gatedLinear(_:gate:up:)``.
    public func gatedLinear(_ x: Tensor, gate: any Weight, up: any Weight) -> Tensor {
        let (gate, up) = (own(gate), own(up))
        guard gate.layout == up.layout else { return gatedApart(x, gate: gate, up: up) }
        let input = Activations(x, for: gate, on: self)
        let output = makeTensor([x.rows, up.rows])
        var job = unsafe input.job(up, output: output)
        unsafe job.gate = UnsafePointer(gate.panels())
        unsafe sweep([job])
        return output
    }

    /// Mixed files may store gate and up in different formats.
    private func gatedApart(_ x: Tensor, gate: CPUWeight, up: CPUWeight) -> Tensor {
        let both = linear(x, [Projection(gate), Projection(up)])
        let values = zip(both[0].floats, both[1].floats).map { ReferenceDevice.silu($0) * $1 }
        return tensor(values, shape: both[1].shape)
    }

    /// Runs products side by side; threads take pieces of a few panels until none is left.
    func sweep(_ jobs: [hk_linear_job]) {
        let panels = unsafe jobs.map { unsafe (Int($0.rows) + 15) / 16 }
        let total = panels.reduce(0, +)
        // Pieces large enough to read long stretches of memory, small enough that no thread waits long at the end.
        let piece = max(4, total / (team.threads * 8) / 4 * 4)
        if let next = unsafe order.note(UInt(bitPattern: jobs[0].panels)) { team.willRead(at: next) }
        team.share(total, piece: piece) { range, _ in
            var first = 0
            for (index, count) in panels.enumerated() {
                let part = range.clamped(to: first..<first + count)
                if !part.isEmpty {
                    unsafe withUnsafePointer(to: jobs[index]) {
                        unsafe kernels.pointee.linear($0, part.lowerBound - first, part.upperBound - first)
                    }
                }
                first += count
            }
        }
    }
}

/// Which weight is read after which: a model walks through them in the same order at every step.
final class ReadingOrder: Sendable {
    private struct State {
        var after: [UInt: UInt] = [:]
        var last: UInt = 0
    }
    private let state = Mutex(State())
    /// More than any model has; weights that are gone are forgotten with the others.
    private static let most = 1 << 14

    /// Takes in that the weight at `address` is read now.
    /// - Returns: where the one is that came after it the last time.
    func note(_ address: UInt) -> UInt? {
        state.withLock { state in
            if state.after.count >= Self.most { state.after = [:] }
            state.after[state.last] = address
            state.last = address
            return state.after[address]
        }
    }
}
