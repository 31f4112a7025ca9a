import CKernels

/// Rows packed as products read them; see CKernels.h. One packing serves all products that read the same kind.
@safe struct Activations {
    let count: Int
    private let columns: Int
    private let kind: hk_activation_kind
    private let memory: FloatStorage

    /// Packs rows of `x`.
    /// - Parameters:
    ///   - index: the row of `x` for each packed row; all rows in order if there is none.
    ///   - groups: stretches of packed rows that one product each takes, as experts do; all rows if there are none.
    init(
        _ x: Tensor, index: [Int32]? = nil, groups: [Range<Int>]? = nil, for weight: CPUWeight, on device: CPUDevice
    ) {
        precondition(weight.columns == x.width, "weights must be as wide as x")
        count = index?.count ?? x.rows
        columns = x.width
        kind = weight.activationKind
        let rowBytes = hk_activation_bytes(kind, columns)
        memory = device.pool.storage(count: (rowBytes * count + 3) / 4)
        let target = unsafe UnsafeMutableRawPointer(memory.base).assumingMemoryBound(to: UInt8.self)
        let tileRows = unsafe device.kernels.pointee.tile_rows
        // A tile never reaches over the end of a group.
        let tiles = (groups ?? [0..<count]).flatMap { group in
            (0..<(group.count + tileRows - 1) / tileRows).map { (group: group, tile: $0) }
        }
        unsafe index.withPointer { index in
            let kind = kind, columns = columns
            device.team.share(tiles.count, piece: max(1, CPUDevice.rowPiece / tileRows)) { range, _ in
                for place in range {
                    let (group, tile) = tiles[place]
                    var job = unsafe hk_activation_job()
                    unsafe job.kind = kind
                    unsafe job.columns = columns
                    unsafe job.count = group.count
                    unsafe job.index = unsafe index.map { unsafe $0 + group.lowerBound }
                    unsafe job.x = UnsafePointer(x.storage.base) + (index == nil ? group.lowerBound * columns : 0)
                    unsafe device.kernels.pointee.pack(&job, tile, tile + 1, target + group.lowerBound * rowBytes)
                }
            }
        }
    }

    /// The product of packed rows (all of them, or one group) with a matrix of `weight`.
    func job(_ weight: CPUWeight, matrix: Int = 0, rows: Range<Int>? = nil, output: Tensor) -> hk_linear_job {
        precondition(weight.activationKind == kind && weight.columns == columns, "rows are packed for other weights")
        let rows = rows ?? 0..<count
        let base = unsafe UnsafeMutableRawPointer(memory.base).assumingMemoryBound(to: UInt8.self)
        var job = unsafe hk_linear_job()
        unsafe job.layout = weight.layout
        unsafe job.columns = weight.columns
        unsafe job.rows = weight.rows
        unsafe job.panels = UnsafePointer(weight.panels(of: matrix))
        unsafe job.activations = UnsafePointer(base + rows.lowerBound * hk_activation_bytes(kind, columns))
        unsafe job.count = rows.count
        unsafe job.out = unsafe output.storage.base + rows.lowerBound * weight.rows
        return unsafe job
    }
}

extension [Int32]? {
    /// Gives `body` the elements in place, or nothing if there are none.
    fileprivate func withPointer<R>(_ body: (UnsafePointer<Int32>?) -> R) -> R {
        guard let self else { return body(nil) }
        return unsafe self.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
    }
}
