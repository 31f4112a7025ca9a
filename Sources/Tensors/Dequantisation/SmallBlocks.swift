/// Blocks of 32 elements under one half-precision scale `d`, some with a minimum `m`.
///
/// Byte `i` of the 16 packed bytes holds element `i` in its low and element `i + 16` in its high nibble.
/// Source: ggml `block_q4_0`, `block_q4_1`, `block_q5_0`, `block_q5_1`, `block_q8_0`.
enum SmallBlocks {
    /// `d · (q - 8)`; a block is `d`, 16 bytes.
    static func q4_0(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 18, block &* 32)
            let d = bytes.half(at)
            for i in 0..<16 {
                let packed = bytes[at &+ 2 &+ i]
                values[to &+ i] = d * Float(Int32(packed & 15) &- 8)
                values[to &+ i &+ 16] = d * Float(Int32(packed >> 4) &- 8)
            }
        }
    }

    /// `d · q + m`; a block is `d`, `m`, 16 bytes.
    static func q4_1(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 20, block &* 32)
            let (d, m) = (bytes.half(at), bytes.half(at &+ 2))
            for i in 0..<16 {
                let packed = bytes[at &+ 4 &+ i]
                values[to &+ i] = d * Float(Int32(packed & 15)) + m
                values[to &+ i &+ 16] = d * Float(Int32(packed >> 4)) + m
            }
        }
    }

    /// `d · (q - 16)`; a block is `d`, the 32 fifth bits, 16 bytes.
    static func q5_0(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 22, block &* 32)
            let (d, high) = (bytes.half(at), bytes.uint32(at &+ 2))
            for i in 0..<16 {
                let packed = UInt32(bytes[at &+ 6 &+ i])
                let first = packed & 15 | (high >> UInt32(i) & 1) << 4
                let second = packed >> 4 | (high >> UInt32(i &+ 16) & 1) << 4
                values[to &+ i] = d * Float(Int32(bitPattern: first) &- 16)
                values[to &+ i &+ 16] = d * Float(Int32(bitPattern: second) &- 16)
            }
        }
    }

    /// `d · q + m`; a block is `d`, `m`, the 32 fifth bits, 16 bytes.
    static func q5_1(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 24, block &* 32)
            let (d, m, high) = (bytes.half(at), bytes.half(at &+ 2), bytes.uint32(at &+ 4))
            for i in 0..<16 {
                let packed = UInt32(bytes[at &+ 8 &+ i])
                let first = packed & 15 | (high >> UInt32(i) & 1) << 4
                let second = packed >> 4 | (high >> UInt32(i &+ 16) & 1) << 4
                values[to &+ i] = d * Float(Int32(bitPattern: first)) + m
                values[to &+ i &+ 16] = d * Float(Int32(bitPattern: second)) + m
            }
        }
    }

    /// `d · q`; a block is `d`, 32 signed bytes.
    static func q8_0(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 34, block &* 32)
            let d = bytes.half(at)
            for i in 0..<32 { values[to &+ i] = d * Float(Int32(bytes.int8(at &+ 2 &+ i))) }
        }
    }
}
