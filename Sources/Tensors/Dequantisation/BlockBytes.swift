/// The bytes of blocks, read without alignment.
///
/// `@safe`: ``BlockFormat/dequantise(_:into:)`` compares the sizes once; every offset after that is a block's index
/// times its size plus a constant of the format. The check per byte would cost more than the arithmetic.
@safe struct BlockBytes {
    let base: UnsafeRawPointer

    @inline(__always) init(base: UnsafeRawPointer) {
        unsafe self.base = base
    }

    @inline(__always) subscript(offset: Int) -> UInt8 { unsafe base.load(fromByteOffset: offset, as: UInt8.self) }

    /// The signed byte at `offset`.
    @inline(__always) func int8(_ offset: Int) -> Int8 { unsafe base.load(fromByteOffset: offset, as: Int8.self) }

    /// Two bytes, little endian.
    @inline(__always) func uint16(_ offset: Int) -> UInt16 {
        UInt16(littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// Four bytes, little endian.
    @inline(__always) func uint32(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// The half-precision number at `offset`.
    @inline(__always) func half(_ offset: Int) -> Float { Float(halfBits: uint16(offset)) }
}

/// Where the values of blocks go; `@safe` for the reason given at ``BlockBytes``.
@safe struct BlockValues {
    let base: UnsafeMutablePointer<Float>

    @inline(__always) init(base: UnsafeMutablePointer<Float>) {
        unsafe self.base = base
    }

    @inline(__always) subscript(index: Int) -> Float {
        get { unsafe base[index] }
        nonmutating set { unsafe base[index] = newValue }
    }
}

extension Float {
    /// The value of an IEEE 754 half, from its bits: exact, subnormals included whatever the processor's flush mode.
    ///
    /// Written without a branch so that loops over it vectorise; `Float(Float16)` is a call on x86-64 without F16C.
    @inline(__always) package init(halfBits bits: UInt16) {
        let magnitude = UInt32(bits & 0x7FFF)
        // The exponent's bias grows from 15 to 127; infinity and NaN need the step twice to reach 255.
        let rebias: UInt32 = (127 - 15) << 23
        let normal = magnitude << 13 &+ (magnitude >= 0x7C00 ? 2 &* rebias : rebias)
        let subnormal = (Float(Int32(bitPattern: magnitude)) * 0x1p-24).bitPattern
        self.init(bitPattern: (magnitude < 0x0400 ? subnormal : normal) | UInt32(bits & 0x8000) << 16)
    }
}
