/// The "k-quants": 256 elements in groups of 16 or 32 whose small integer scales share one or two half-precision ones.
///
/// Source: ggml `block_q2_K` ... `block_q6_K` and `dequantize_row_q*_K`.
enum SuperBlocks {
    /// `(d · scale) · q - (dmin · minimum)` with 2-bit q; a block is 16 scale bytes, 64 bytes, `d`, `dmin`.
    static func q2_K(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 84, block &* 256)
            let (d, dmin) = (bytes.half(at &+ 80), bytes.half(at &+ 82))
            for group in 0..<16 {
                let (half, shift) = (group >> 3, UInt8(group >> 1 & 3) &* 2)
                let packed = at &+ 16 &+ half &* 32 &+ (group & 1) &* 16
                let scale = d * Float(bytes[at &+ group] & 15)
                let minimum = dmin * Float(bytes[at &+ group] >> 4)
                for i in 0..<16 {
                    values[to &+ group &* 16 &+ i] = scale * Float(bytes[packed &+ i] >> shift & 3) - minimum
                }
            }
        }
    }

    /// `(d · scale) · q`, q from -4 to 3; a block is 32 bytes of high bits, 64 bytes, 12 scale bytes, `d`.
    static func q3_K(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 110, block &* 256)
            let d = bytes.half(at &+ 108)
            for group in 0..<16 {
                // Four low bits lie in the first 8 scale bytes, two high bits in the last 4.
                let low = bytes[at &+ 96 &+ (group & 7)] >> (UInt8(group >> 3) &* 4) & 15
                let high = bytes[at &+ 104 &+ (group & 3)] >> (UInt8(group >> 2) &* 2) & 3
                let scale = d * Float(Int32(low | high << 4) &- 32)
                let (half, shift, highBit) = (group >> 3, UInt8(group >> 1 & 3) &* 2, UInt8(group >> 1))
                let packed = at &+ 32 &+ half &* 32 &+ (group & 1) &* 16
                let mask = at &+ (group & 1) &* 16
                for i in 0..<16 {
                    let q = Int32(bytes[packed &+ i] >> shift & 3)
                    let bit = Int32(bytes[mask &+ i] >> highBit & 1)
                    values[to &+ group &* 16 &+ i] = scale * Float(q &- 4 &+ 4 &* bit)
                }
            }
        }
    }

    /// `(d · scale) · q - (dmin · minimum)` with 4-bit q; a block is `d`, `dmin`, 12 scale bytes, 128 bytes.
    static func q4_K(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 144, block &* 256)
            let (d, dmin) = (bytes.half(at), bytes.half(at &+ 2))
            for group in 0..<8 {
                let (scaleBits, minimumBits) = scaleAndMinimum(bytes, at &+ 4, group)
                let (scale, minimum) = (d * scaleBits, dmin * minimumBits)
                let (packed, shift) = (at &+ 16 &+ (group >> 1) &* 32, UInt8(group & 1) &* 4)
                for i in 0..<32 {
                    values[to &+ group &* 32 &+ i] = scale * Float(bytes[packed &+ i] >> shift & 15) - minimum
                }
            }
        }
    }

    /// As Q4_K with a fifth bit; a block is `d`, `dmin`, 12 scale bytes, 32 bytes of fifth bits, 128 bytes.
    static func q5_K(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 176, block &* 256)
            let (d, dmin) = (bytes.half(at), bytes.half(at &+ 2))
            for group in 0..<8 {
                let (scaleBits, minimumBits) = scaleAndMinimum(bytes, at &+ 4, group)
                let (scale, minimum) = (d * scaleBits, dmin * minimumBits)
                let (packed, shift) = (at &+ 48 &+ (group >> 1) &* 32, UInt8(group & 1) &* 4)
                for i in 0..<32 {
                    let high = (bytes[at &+ 16 &+ i] >> UInt8(group) & 1) << 4
                    let q = bytes[packed &+ i] >> shift & 15 | high
                    values[to &+ group &* 32 &+ i] = scale * Float(q) - minimum
                }
            }
        }
    }

    /// `(d · scale) · (q - 32)` with 6-bit q; a block is 128 low bytes, 64 high bytes, 16 signed scales, `d`.
    static func q6_K(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 210, block &* 256)
            let d = bytes.half(at &+ 208)
            for group in 0..<16 {
                let (half, quarter, offset) = (group >> 3, group >> 1 & 3, (group & 1) &* 16)
                let scale = d * Float(bytes.int8(at &+ 192 &+ group))
                let low = at &+ half &* 64 &+ (quarter & 1) &* 32 &+ offset
                let high = at &+ 128 &+ half &* 32 &+ offset
                let (lowShift, highShift) = (UInt8(quarter >> 1) &* 4, UInt8(quarter) &* 2)
                for i in 0..<16 {
                    let q = bytes[low &+ i] >> lowShift & 15 | (bytes[high &+ i] >> highShift & 3) << 4
                    values[to &+ group &* 16 &+ i] = scale * Float(Int32(q) &- 32)
                }
            }
        }
    }

    /// The 6-bit scale and minimum of `group` out of the 12 bytes at `at`: the first four groups have theirs in the
    /// low 6 bits of bytes 0-3 and 4-7, the others 4 bits in bytes 8-11 and 2 bits atop the first eight.
    @inline(__always)
    private static func scaleAndMinimum(_ bytes: BlockBytes, _ at: Int, _ group: Int) -> (Float, Float) {
        if group < 4 { return (Float(bytes[at &+ group] & 63), Float(bytes[at &+ group &+ 4] & 63)) }
        let low = bytes[at &+ group &+ 4]
        let scale = low & 15 | (bytes[at &+ group &- 4] >> 6) << 4
        let minimum = low >> 4 | (bytes[at &+ group] >> 6) << 4
        return (Float(scale), Float(minimum))
    }
}
