/// Four bits an element that index 16 fixed values.
///
/// Sources: ggml `block_iq4_nl`, `block_iq4_xs`, `block_mxfp4`, `block_nvfp4`; OCP Microscaling Formats 1.0 for E2M1
/// and E8M0.
enum CodebookBlocks {
    /// The values of the IQ4 formats: spaced by the density of a normal distribution.
    private static let nonlinear: [Float] = [
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ]
    /// The E2M1 floats times two; their scales are halved in turn.
    private static let e2m1: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

    /// `d · value`; a block is `d`, 16 bytes with element `i` in the low and `i + 16` in the high nibbles.
    static func iq4_nl(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let codebook = nonlinear
        for block in 0..<blocks {
            let (at, to) = (block &* 18, block &* 32)
            expand(bytes, at &+ 2, values, to, half: 16, scale: bytes.half(at), codebook)
        }
    }

    /// `d · (scale - 32) · value` per 32; a block is `d`, 2 bytes of high and 4 of low scale bits, 128 bytes.
    static func iq4_xs(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let codebook = nonlinear
        for block in 0..<blocks {
            let (at, to) = (block &* 136, block &* 256)
            let (d, highBits) = (bytes.half(at), bytes.uint16(at &+ 2))
            for group in 0..<8 {
                let low = Int32(bytes[at &+ 4 &+ group >> 1] >> (UInt8(group & 1) &* 4) & 15)
                let high = Int32(highBits >> (UInt16(group) &* 2) & 3)
                let scale = d * Float((low | high << 4) &- 32)
                expand(bytes, at &+ 8 &+ group &* 16, values, to &+ group &* 32, half: 16, scale: scale, codebook)
            }
        }
    }

    /// `2^(e-127) · value`; a block is the exponent byte, 16 bytes.
    static func mxfp4(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let codebook = e2m1
        for block in 0..<blocks {
            let (at, to) = (block &* 17, block &* 32)
            let exponent = UInt32(bytes[at])
            // Half of 2^(e-127), for the doubled codebook; the two smallest are subnormal.
            let bits = exponent < 2 ? 0x0020_0000 << exponent : (exponent &- 1) << 23
            expand(bytes, at &+ 1, values, to, half: 16, scale: Float(bitPattern: bits), codebook)
        }
    }

    /// `scale · value` per 16 elements; a block is 4 scales in unsigned E4M3, 4 x 8 bytes.
    static func nvfp4(_ bytes: BlockBytes, _ values: BlockValues, blocks: Int) {
        let codebook = e2m1
        for block in 0..<blocks {
            let (at, to) = (block &* 36, block &* 64)
            for group in 0..<4 {
                let scale = halfOfUnsignedE4M3(bytes[at &+ group])
                expand(bytes, at &+ 4 &+ group &* 8, values, to &+ group &* 16, half: 8, scale: scale, codebook)
            }
        }
    }

    @inline(__always)
    private static func expand(
        _ bytes: BlockBytes, _ at: Int, _ values: BlockValues, _ to: Int, half: Int, scale: Float, _ codebook: [Float]
    ) {
        for i in 0..<half {
            let packed = bytes[at &+ i]
            values[to &+ i] = scale * codebook[Int(packed & 15)]
            values[to &+ i &+ half] = scale * codebook[Int(packed >> 4)]
        }
    }

    /// Half the value of an E4M3 float without sign, bias 7; 0x7F, its NaN, counts as 0 as in ggml.
    private static func halfOfUnsignedE4M3(_ bits: UInt8) -> Float {
        let (exponent, mantissa) = (UInt32(bits >> 3 & 15), Float(bits & 7))
        if bits == 0x7F { return 0 }
        if exponent == 0 { return mantissa * 0x1p-10 }
        return (1 + mantissa / 8) * Float(bitPattern: (exponent &+ 119) << 23)
    }
}
