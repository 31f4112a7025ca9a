import CKernels

/// Keys and values in half precision: per layer `[pages][kvHeads][headDim][16]` keys, then `[pages][kvHeads][16][headDim]`
/// values. Pages that were never written take no memory.
final class CPUCache: KeyValueCache {
    let shape: CacheShape
    private let memory: PackedMemory

    init(_ shape: CacheShape) throws(TensorError) {
        self.shape = shape
        let (perKind, overflow) = shape.pageElements.multipliedReportingOverflow(by: shape.pages * 2)
        let (bytes, overflow2) = perKind.multipliedReportingOverflow(by: 2 * shape.layers)
        guard !overflow, !overflow2 else { throw .outOfMemory(bytes: .max) }
        memory = try PackedMemory(bytes: bytes)
    }

    func keys(layer: Int) -> UnsafeMutablePointer<UInt16> { unsafe elements(2 * layer) }
    func values(layer: Int) -> UnsafeMutablePointer<UInt16> { unsafe elements(2 * layer + 1) }

    private func elements(_ index: Int) -> UnsafeMutablePointer<UInt16> {
        unsafe memory.base.assumingMemoryBound(to: UInt16.self) + index * shape.pageElements * shape.pages
    }
}
