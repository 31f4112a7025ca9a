import CKernels

extension CPUDevice {
    public func linear(_ x: Tensor, _ projections: [Projection]) -> [Tensor] {
        let input = Activations(x, for: projections.map { own($0.weight) }, on: self)
        let outputs = projections.map { makeTensor([x.rows, $0.weight.rows]) }
        unsafe sweep(
            zip(projections, outputs).map { projection, output in
                var job = unsafe input.job(own(projection.weight), output: output)
                unsafe job.bias = UnsafePointer(projection.bias?.storage.base)
                return unsafe job
            })
        return outputs
    }

    public func linear(_ x: Tensor, _ weight: any Weight, addedTo residual: Tensor) -> Tensor {
        let weight = own(weight)
        precondition(
            residual.rows == x.rows && residual.width == weight.rows, "the residual must have the product's shape")
        let input = Activations(x, for: [weight], on: self)
        let output = makeTensor(residual.shape)
        var job = unsafe input.job(weight, output: output)
        unsafe job.residual = UnsafePointer(residual.storage.base)
        unsafe sweep([job])
        return output
    }

    public func gatedLinear(_ x: Tensor, gate: any Weight, up: any Weight) -> Tensor {
        let (gate, up) = (own(gate), own(up))
        guard gate.layout == up.layout else { return gatedApart(x, gate: gate, up: up) }
        let input = Activations(x, for: [gate], on: self)
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

/// One input of products, quantised once for all of them if any needs that.
@safe struct Activations {
    let x: Tensor
    private let codes: FloatStorage?
    private let quantised: hk_activations

    init(_ x: Tensor, for weights: [CPUWeight], on device: CPUDevice) {
        self.x = x
        precondition(weights.allSatisfy { $0.columns == x.width }, "weights must be as wide as x")
        guard weights.contains(where: \.readsQuantised) else {
            codes = nil
            unsafe quantised = hk_activations()
            return
        }
        // One allocation: codes, then a scale and two sums for each block of 32.
        let (rows, width) = (x.rows, x.width)
        let blocks = rows * width / 32
        let storage = device.pool.storage(count: rows * width / 4 + blocks * 3)
        let scales = unsafe storage.base + rows * width / 4
        let quantised = unsafe hk_activations(
            q: UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: Int8.self), scale: scales,
            sum: UnsafeMutableRawPointer(scales + blocks).assumingMemoryBound(to: Int32.self))
        device.team.share(rows, piece: CPUDevice.rowPiece) { range, _ in
            unsafe device.kernels.pointee.quantise(x.storage.base, width, range.lowerBound, range.upperBound, quantised)
        }
        codes = storage
        unsafe self.quantised = unsafe quantised
    }

    func job(_ weight: CPUWeight, matrix: Int = 0, output: Tensor) -> hk_linear_job {
        var job = unsafe hk_linear_job()
        unsafe job.layout = weight.layout
        unsafe job.columns = weight.columns
        unsafe job.rows = weight.rows
        unsafe job.panels = UnsafePointer(weight.panels(of: matrix))
        unsafe job.x = UnsafePointer(x.storage.base)
        unsafe job.quantised = unsafe quantised
        unsafe job.count = x.rows
        unsafe job.out = unsafe output.storage.base
        return unsafe job
    }
}
