/// How the elements of a weight lie in memory: plain floats, or blocks of few bits that share their scales.
///
/// The raw value is the type's number in a GGUF file (`enum ggml_type`). Every format's rows are whole blocks.
public enum BlockFormat: UInt32, CaseIterable, Sendable {
    case f32 = 0
    case f16 = 1
    case q4_0 = 2
    case q4_1 = 3
    case q5_0 = 6
    case q5_1 = 7
    case q8_0 = 8
    case q2_K = 10
    case q3_K = 11
    case q4_K = 12
    case q5_K = 13
    case q6_K = 14
    case iq2_xxs = 16
    case iq2_xs = 17
    case iq3_xxs = 18
    case iq1_s = 19
    case iq4_nl = 20
    case iq3_s = 21
    case iq2_s = 22
    case iq4_xs = 23
    case iq1_m = 29
    case bf16 = 30
    case tq1_0 = 34
    case tq2_0 = 35
    case mxfp4 = 39
    case nvfp4 = 40
}

extension BlockFormat {
    /// The format's usual name, such as `Q4_K` or `BF16`.
    public var name: String {
        switch self {
        case .f32: "F32"
        case .f16: "F16"
        case .q4_0: "Q4_0"
        case .q4_1: "Q4_1"
        case .q5_0: "Q5_0"
        case .q5_1: "Q5_1"
        case .q8_0: "Q8_0"
        case .q2_K: "Q2_K"
        case .q3_K: "Q3_K"
        case .q4_K: "Q4_K"
        case .q5_K: "Q5_K"
        case .q6_K: "Q6_K"
        case .iq2_xxs: "IQ2_XXS"
        case .iq2_xs: "IQ2_XS"
        case .iq3_xxs: "IQ3_XXS"
        case .iq1_s: "IQ1_S"
        case .iq4_nl: "IQ4_NL"
        case .iq3_s: "IQ3_S"
        case .iq2_s: "IQ2_S"
        case .iq4_xs: "IQ4_XS"
        case .iq1_m: "IQ1_M"
        case .bf16: "BF16"
        case .tq1_0: "TQ1_0"
        case .tq2_0: "TQ2_0"
        case .mxfp4: "MXFP4"
        case .nvfp4: "NVFP4"
        }
    }

    /// Elements in one block: 1 for plain floats, else 32, 64 or 256.
    public var blockElements: Int {
        switch self {
        case .f32, .f16, .bf16: 1
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_nl, .mxfp4: 32
        case .nvfp4: 64
        case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq2_xxs, .iq2_xs, .iq2_s, .iq3_xxs, .iq3_s, .iq1_s, .iq1_m, .iq4_xs,
            .tq1_0, .tq2_0:
            256
        }
    }

    /// Bytes of one block.
    public var blockBytes: Int {
        switch self {
        case .f32: 4
        case .f16, .bf16: 2
        case .q4_0, .iq4_nl: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q8_0: 34
        case .q2_K: 84
        case .q3_K, .iq3_s: 110
        case .q4_K: 144
        case .q5_K: 176
        case .q6_K: 210
        case .iq2_xxs, .tq2_0: 66
        case .iq2_xs: 74
        case .iq2_s: 82
        case .iq3_xxs: 98
        case .iq1_s: 50
        case .iq1_m: 56
        case .iq4_xs: 136
        case .tq1_0: 54
        case .mxfp4: 17
        case .nvfp4: 36
        }
    }

    /// Bytes that `elements` take; `nil` if they are negative, no whole number of blocks, or too many for 63 bits.
    public func bytes(forElements elements: Int) -> Int? {
        guard elements >= 0, elements % blockElements == 0 else { return nil }
        let (bytes, overflow) = (elements / blockElements).multipliedReportingOverflow(by: blockBytes)
        return overflow ? nil : bytes
    }

    /// Writes the float values that `bytes` stand for, in order.
    ///
    /// The layouts and formulas are ggml's (`ggml-common.h`, `ggml-quants.c`); the order of operations is kept, so
    /// that the values are the same to the last bit. Needs no alignment of `bytes`.
    /// - Precondition: `bytes.count` is exactly what ``bytes(forElements:)`` says of `values.count`.
    public func dequantise(_ bytes: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>) {
        precondition(self.bytes(forElements: values.count) == bytes.count, "the sizes of bytes and values must agree")
        guard let input = bytes.baseAddress, let output = values.baseAddress else { return }
        let blocks = values.count / blockElements
        let source = unsafe BlockBytes(base: input)
        let target = unsafe BlockValues(base: output)
        switch self {
        case .f32: PlainFloats.f32(source, target, count: blocks)
        case .f16: PlainFloats.f16(source, target, count: blocks)
        case .bf16: PlainFloats.bf16(source, target, count: blocks)
        case .q4_0: SmallBlocks.q4_0(source, target, blocks: blocks)
        case .q4_1: SmallBlocks.q4_1(source, target, blocks: blocks)
        case .q5_0: SmallBlocks.q5_0(source, target, blocks: blocks)
        case .q5_1: SmallBlocks.q5_1(source, target, blocks: blocks)
        case .q8_0: SmallBlocks.q8_0(source, target, blocks: blocks)
        case .q2_K: SuperBlocks.q2_K(source, target, blocks: blocks)
        case .q3_K: SuperBlocks.q3_K(source, target, blocks: blocks)
        case .q4_K: SuperBlocks.q4_K(source, target, blocks: blocks)
        case .q5_K: SuperBlocks.q5_K(source, target, blocks: blocks)
        case .q6_K: SuperBlocks.q6_K(source, target, blocks: blocks)
        case .iq2_xxs: LatticeBlocks.iq2_xxs(source, target, blocks: blocks)
        case .iq2_xs: LatticeBlocks.iq2_xs(source, target, blocks: blocks)
        case .iq2_s: LatticeBlocks.iq2_s(source, target, blocks: blocks)
        case .iq3_xxs: LatticeBlocks.iq3_xxs(source, target, blocks: blocks)
        case .iq3_s: LatticeBlocks.iq3_s(source, target, blocks: blocks)
        case .iq1_s: LatticeBlocks.iq1_s(source, target, blocks: blocks)
        case .iq1_m: LatticeBlocks.iq1_m(source, target, blocks: blocks)
        case .iq4_nl: CodebookBlocks.iq4_nl(source, target, blocks: blocks)
        case .iq4_xs: CodebookBlocks.iq4_xs(source, target, blocks: blocks)
        case .mxfp4: CodebookBlocks.mxfp4(source, target, blocks: blocks)
        case .nvfp4: CodebookBlocks.nvfp4(source, target, blocks: blocks)
        case .tq1_0: TernaryBlocks.tq1_0(source, target, blocks: blocks)
        case .tq2_0: TernaryBlocks.tq2_0(source, target, blocks: blocks)
        }
    }
}
