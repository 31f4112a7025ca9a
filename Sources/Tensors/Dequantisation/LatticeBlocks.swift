/// The 2- and 3-bit "i-quants": groups of 8 or 4 elements are points of a lattice, signs are kept apart.
///
/// Source: ggml `block_iq2_xxs` ... `block_iq3_s` and `dequantize_row_iq*`. All blocks have 256 elements.
enum LatticeBlocks {
    /// A block is `d`, then for each 32 elements 4 index bytes and 4 bytes of four 7-bit signs and a 4-bit scale.
    static func iq2_xxs(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let grid = LatticeGrid.iq2_xxs.points
        for block in 0..<blocks {
            let (at, to) = (block &* 66, block &* 256)
            let d = bytes.half(at)
            for group in 0..<8 {
                let packed = at &+ 2 &+ group &* 8
                let word = bytes.uint32(packed &+ 4)
                let scale = d * (0.5 + Float(word >> 28)) * 0.25
                for i in 0..<4 {
                    let signs = evenSigns(word >> (7 &* UInt32(i)) & 127)
                    let point = Int(bytes[packed &+ i]) &* 8
                    place(grid, point, 8, scale, signs, values, to &+ group &* 32 &+ i &* 8)
                }
            }
        }
    }

    /// A block is `d`, 32 words of a 9-bit index and 7-bit signs, 16 4-bit scales.
    static func iq2_xs(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let grid = LatticeGrid.iq2_xs.points
        for block in 0..<blocks {
            let (at, to) = (block &* 74, block &* 256)
            let d = bytes.half(at)
            for i in 0..<32 {
                let word = UInt32(bytes.uint16(at &+ 2 &+ i &* 2))
                let scale = d * (0.5 + Float(nibble(bytes, at &+ 66, i >> 1))) * 0.25
                let signs = evenSigns(word >> 9)
                place(grid, Int(word & 511) &* 8, 8, scale, signs, values, to &+ i &* 8)
            }
        }
    }

    /// A block is `d`, 32 low index bytes, 32 sign bytes, 8 bytes of high index bits, 16 4-bit scales.
    static func iq2_s(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let grid = LatticeGrid.iq2_s.points
        for block in 0..<blocks {
            let (at, to) = (block &* 82, block &* 256)
            let d = bytes.half(at)
            for i in 0..<32 {
                let high = Int(bytes[at &+ 66 &+ i >> 2] >> (UInt8(i & 3) &* 2) & 3)
                let point = Int(bytes[at &+ 2 &+ i]) | high << 8
                let scale = d * (0.5 + Float(nibble(bytes, at &+ 74, i >> 1))) * 0.25
                place(grid, point &* 8, 8, scale, bytes[at &+ 34 &+ i], values, to &+ i &* 8)
            }
        }
    }

    /// A block is `d`, 64 index bytes, 8 words of four 7-bit signs and a 4-bit scale.
    static func iq3_xxs(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let grid = LatticeGrid.iq3_xxs.points
        for block in 0..<blocks {
            let (at, to) = (block &* 98, block &* 256)
            let d = bytes.half(at)
            for i in 0..<64 {
                let word = bytes.uint32(at &+ 66 &+ (i >> 3) &* 4)
                let scale = d * (0.5 + Float(word >> 28)) * 0.5
                let signs = evenSigns(word >> (7 &* UInt32(i >> 1 & 3)) & 127) >> (UInt8(i & 1) &* 4)
                place(grid, Int(bytes[at &+ 2 &+ i]) &* 4, 4, scale, signs, values, to &+ i &* 4)
            }
        }
    }

    /// A block is `d`, 64 low index bytes, 8 bytes of high index bits, 32 sign bytes, 8 4-bit scales.
    static func iq3_s(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let grid = LatticeGrid.iq3_s.points
        for block in 0..<blocks {
            let (at, to) = (block &* 110, block &* 256)
            let d = bytes.half(at)
            for i in 0..<64 {
                let high = Int(bytes[at &+ 66 &+ i >> 3] >> UInt8(i & 7) & 1)
                let point = Int(bytes[at &+ 2 &+ i]) | high << 8
                let scale = d * Float(1 &+ 2 &* Int32(nibble(bytes, at &+ 106, i >> 3)))
                let signs = bytes[at &+ 74 &+ i >> 1] >> (UInt8(i & 1) &* 4)
                place(grid, point &* 4, 4, scale, signs, values, to &+ i &* 4)
            }
        }
    }

    /// The `index`-th half byte from `at` on, low halves first.
    @inline(__always)
    static func nibble(_ bytes: BlockBytes, _ at: Int, _ index: Int) -> UInt8 {
        bytes[at &+ index >> 1] >> (UInt8(index & 1) &* 4) & 15
    }

    /// Eight signs out of seven bits: the number of minus signs is even, so the eighth is their parity.
    @inline(__always)
    private static func evenSigns(_ bits: UInt32) -> UInt8 {
        UInt8(truncatingIfNeeded: bits | UInt32(bits.nonzeroBitCount & 1) << 7)
    }

    /// Writes one point: `scale · value`, negative where the sign's bit is set.
    @inline(__always)
    private static func place(
        _ grid: [Float], _ point: Int, _ count: Int, _ scale: Float, _ signs: UInt8, _ values: BlockValues, _ to: Int
    ) {
        for i in 0..<count {
            let value = scale * grid[point &+ i]
            values[to &+ i] = signs >> UInt8(i) & 1 == 0 ? value : -value
        }
    }
}
