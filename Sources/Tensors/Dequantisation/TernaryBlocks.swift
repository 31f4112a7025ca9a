/// 256 elements of -1, 0 or 1 under one half-precision scale. Source: ggml `block_tq1_0`, `block_tq2_0`.
enum TernaryBlocks {
    private static let powersOfThree: [UInt8] = [1, 3, 9, 27, 81]

    /// Five elements a byte: a byte is the fraction `0.abcde` in base 3, so that multiplying by 3 yields the digits.
    /// A block is 32 + 16 bytes of five digits, 4 bytes of four, `d`; the first digits of 32 bytes come first.
    static func tq1_0(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let at = block &* 54
            let d = bytes.half(at &+ 52)
            var to = block &* 256
            for (start, count, digits) in [(0, 32, 5), (32, 16, 5), (48, 4, 4)] {
                for digit in 0..<digits {
                    let power = powersOfThree[digit]
                    for i in 0..<count {
                        let fraction = bytes[at &+ start &+ i] &* power
                        values[to &+ i] = d * Float((Int32(fraction) &* 3) >> 8 &- 1)
                    }
                    to &+= count
                }
            }
        }
    }

    /// `d · (q - 1)` with 2-bit q; a block is 64 bytes, `d`.
    static func tq2_0(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        for block in 0..<blocks {
            let (at, to) = (block &* 66, block &* 256)
            let d = bytes.half(at &+ 64)
            for group in 0..<8 {
                let (packed, shift) = (at &+ (group >> 2) &* 32, UInt8(group & 3) &* 2)
                for i in 0..<32 {
                    values[to &+ group &* 32 &+ i] = d * Float(Int32(bytes[packed &+ i] >> shift & 3) &- 1)
                }
            }
        }
    }
}
