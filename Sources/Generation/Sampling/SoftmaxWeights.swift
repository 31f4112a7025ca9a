extension Span<Float> {
    /// `exp((x - top) · factor)` of each element, 0 of those below `floor`; and their sum.
    ///
    /// A vocabulary has 150,000 of them for each token: 16 at a time.
    func weights(relativeTo top: Float, factor: Float, floor: Float) -> (weights: [Float], total: Float) {
        let count = count
        var total = SIMD16<Float>.zero
        let weights = [Float](unsafeUninitializedCapacity: count) { weights, initialized in
            withUnsafeBufferPointer { scores in
                for start in stride(from: 0, to: count, by: 16) {
                    let width = Swift.min(16, count - start)
                    var x = SIMD16<Float>(repeating: -.infinity)
                    if width == 16, let at = scores.baseAddress.map({ UnsafeRawPointer($0 + start) }) {
                        x = at.loadUnaligned(as: SIMD16<Float>.self)
                    } else {
                        for lane in 0..<width { x[lane] = scores[start + lane] }
                    }
                    // Not-a-number is below any floor.
                    let isAbove = x .>= floor
                    let e = SIMD16<Float>.zero.replacing(with: ((x - top) * factor).exponential, where: isAbove)
                    total += e
                    for lane in 0..<width { weights[start + lane] = e[lane] }
                }
            }
            initialized = count
        }
        return (weights, total.sum())
    }
}

extension SIMD16<Float> {
    /// `exp(x)` for x of -87 to 0, within 2 units in the last place: 2^n by the exponent's bits, the rest by the series up
    /// to the seventh power (as `hk_exp` of CKernels, after Cephes' expf).
    fileprivate var exponential: Self {
        let x = replacing(with: -87, where: self .< -87)
        // 1.5 · 2^23: adding it rounds to an integer, which stands in the low bits then.
        let magic: Float = 12_582_912
        let shifted = x * 1.442_695_04 + magic
        let n = shifted - magic
        let r = (x - n * 0.693_359_375) + n * 2.121_944_40e-4
        var p = r * (1.0 / 5040) + 1.0 / 720
        p = p * r + 1.0 / 120
        p = p * r + 1.0 / 24
        p = p * r + 1.0 / 6
        p = p * r + 0.5
        p = p * r + 1
        p = p * r + 1
        // A SIMD16 of floats and one of their bits are the same 64 bytes.
        let whole = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- Int32(bitPattern: magic.bitPattern)
        return p * unsafeBitCast((whole &+ 127) &<< 23, to: Self.self)
    }
}
