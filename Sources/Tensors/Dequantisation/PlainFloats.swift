/// Formats without blocks.
enum PlainFloats {
    static func f32(_ bytes: BlockBytes, _ values: BlockValues, count: Int) {
        unsafe UnsafeMutableRawPointer(values.base).copyMemory(from: bytes.base, byteCount: count &* 4)
    }

    static func f16(_ bytes: BlockBytes, _ values: BlockValues, count: Int) {
        for index in 0..<count { values[index] = bytes.half(index &* 2) }
    }

    /// bfloat16 is the upper half of a float.
    static func bf16(_ bytes: BlockBytes, _ values: BlockValues, count: Int) {
        for index in 0..<count { values[index] = Float(bitPattern: UInt32(bytes.uint16(index &* 2)) << 16) }
    }
}
