/// The 1-bit "i-quants": points of -1, 0, 1 moved as a whole by an eighth. Source: ggml `block_iq1_s`, `block_iq1_m`.
extension LatticeBlocks {
    private static let shift: Float = 0.125

    /// `scale · (value ± 1/8)`; a block is `d`, 32 low index bytes, 8 words of four 3-bit high index parts, a 3-bit
    /// scale and the shift's sign.
    static func iq1_s(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let grid = LatticeGrid.iq1.points
        for block in 0..<blocks {
            let (at, to) = (block &* 50, block &* 256)
            let d = bytes.half(at)
            for i in 0..<32 {
                let word = Int(bytes.uint16(at &+ 34 &+ (i >> 2) &* 2))
                let point = Int(bytes[at &+ 2 &+ i]) | (word >> (3 &* (i & 3)) & 7) << 8
                let scaleBits = word >> 12 & 7
                let scale = d * Float(2 &* scaleBits &+ 1)
                let delta = word & 0x8000 == 0 ? shift : -shift
                for j in 0..<8 { values[to &+ i &* 8 &+ j] = scale * (grid[point &* 8 &+ j] + delta) }
            }
        }
    }

    /// As IQ1_S with a 3-bit scale for each 16 elements; a block is 32 low index bytes, 16 bytes of high index bits and
    /// the shifts' signs, 4 words of four scales whose top four bits together are `d`.
    static func iq1_m(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let grid = LatticeGrid.iq1.points
        for block in 0..<blocks {
            let (at, to) = (block &* 56, block &* 256)
            var bits: UInt16 = 0
            for word in 0..<4 { bits |= (bytes.uint16(at &+ 48 &+ word &* 2) >> 12) << (UInt16(word) &* 4) }
            let d = Float(halfBits: bits)
            for i in 0..<32 {
                let high = Int(nibble(bytes, at &+ 32, i))
                let point = Int(bytes[at &+ i]) | (high & 7) << 8
                let word = Int(bytes.uint16(at &+ 48 &+ (i >> 3) &* 2))
                let scaleBits = word >> (3 &* (i >> 1 & 3)) & 7
                let scale = d * Float(2 &* scaleBits &+ 1)
                let delta = high & 8 == 0 ? shift : -shift
                for j in 0..<8 { values[to &+ i &* 8 &+ j] = scale * (grid[point &* 8 &+ j] + delta) }
            }
        }
    }
}
