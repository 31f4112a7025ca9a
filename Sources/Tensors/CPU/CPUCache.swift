import CKernels

/// Keys and values of all layers, each as CKernels.h lays it out. Pages that were never written take no memory.
@safe final class CPUCache: KeyValueCache {
    let shape: CacheShape
    private let format: hk_cache_format
    private let layerBytes: Int
    private let memory: PackedMemory

    /// - Parameter int16: whether 16 bits are to be integers with scales, which these kernels multiply faster than bf16.
    init(_ shape: CacheShape, int16: Bool) throws(TensorError) {
        self.shape = shape
        let largest = Int(HK_MAX_HEAD_DIM)
        guard shape.headDim > 0, shape.headDim % 16 == 0, shape.headDim <= largest else {
            throw .unusableHeads(width: shape.headDim, largest: largest)
        }
        let hasScales = shape.headDim % Int(HK_BLOCK) == 0
        format =
            switch shape.format {
            case .f32: HK_CACHE_F32
            case .int8 where hasScales: HK_CACHE_INT8
            case .bf16 where hasScales && int16: HK_CACHE_INT16
            case .bf16, .int8: HK_CACHE_BF16
            }
        let headBytes =
            hk_key_page_bytes(format, shape.headDim) + hk_value_page_bytes(format, shape.headDim)
        let (layerBytes, overflow) = (headBytes * shape.kvHeads).multipliedReportingOverflow(by: shape.pages)
        let (bytes, overflow2) = layerBytes.multipliedReportingOverflow(by: shape.layers)
        guard !overflow, !overflow2 else { throw .outOfMemory(bytes: .max) }
        self.layerBytes = layerBytes
        // Small pages: a few tokens would touch most huge ones, each head has a stream of its own.
        memory = try PackedMemory(bytes: bytes, isFilled: false)
    }

    /// The keys and values of a layer.
    func layer(_ index: Int) -> hk_cache_layer {
        unsafe hk_cache_layer(
            format: format, kv_heads: shape.kvHeads, head_dim: shape.headDim, pages: shape.pages,
            base: (memory.base + index * layerBytes).assumingMemoryBound(to: UInt8.self))
    }
}
