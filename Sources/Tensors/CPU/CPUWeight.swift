import CKernels
import Foundation
import Synchronization

/// A weight in panels of 16 rows; see CKernels.h.
final class CPUWeight: Weight {
    let layout: hk_layout
    let rows: Int
    let columns: Int
    let count: Int
    let panelBytes: Int
    /// How its products want their rows packed.
    let activationKind: hk_activation_kind
    let memory: PackedMemory

    init(layout: hk_layout, rows: Int, columns: Int, count: Int, kernels: hk_kernels) throws(TensorError) {
        self.layout = layout
        activationKind = unsafe hk_kind_of(layout, kernels.int16_floats)
        self.rows = rows
        self.columns = columns
        self.count = count
        panelBytes = hk_panel_bytes(layout, columns)
        let (panels, overflow) = ((rows + 15) / 16).multipliedReportingOverflow(by: count)
        let (bytes, overflow2) = panels.multipliedReportingOverflow(by: panelBytes)
        guard !overflow, !overflow2 else { throw .outOfMemory(bytes: .max) }
        memory = try PackedMemory(bytes: bytes)
    }

    var bytes: Int { memory.bytes }
    var panelsPerMatrix: Int { (rows + 15) / 16 }

    /// Panels of one matrix of the stack.
    func panels(of matrix: Int = 0) -> UnsafeMutablePointer<UInt8> {
        unsafe (memory.base + matrix * panelsPerMatrix * panelBytes).assumingMemoryBound(to: UInt8.self)
    }
}

extension BlockFormat {
    /// The packed layout that keeps this format as it is, if there is one.
    var layout: hk_layout? {
        switch self {
        case .f32: HK_F32
        case .f16: HK_F16
        case .bf16: HK_BF16
        case .q8_0: HK_Q8_0
        case .q4_0: HK_Q4_0
        case .q4_1: HK_Q4_1
        case .q5_0: HK_Q5_0
        case .q5_1: HK_Q5_1
        case .q4_K: HK_Q4_K
        case .q5_K: HK_Q5_K
        case .q6_K: HK_Q6_K
        case .iq4_xs: HK_IQ4_XS
        default: nil
        }
    }
}

extension CPUDevice {
    /// See ``Device/keeps(_:)``.
    public func keeps(_ format: BlockFormat) -> Bool { format.layout != nil }

    /// See ``Device/prepare(_:)``.
    public func prepare(_ matrices: [any StoredMatrix]) throws -> any Weight {
        let shape = try commonShape(of: matrices)
        let weight = unsafe try CPUWeight(
            layout: shape.format.layout ?? HK_Q8_0, rows: shape.rows, columns: shape.columns, count: matrices.count,
            kernels: kernels.pointee)
        for (index, matrix) in matrices.enumerated() { try pack(matrix, into: weight, at: index) }
        return weight
    }

    /// Bytes that a thread reads at once: they are still in its cache when it packs them.
    private static let pieceBytes = 512 << 10

    /// Each thread reads some panels' rows and packs them.
    private func pack(_ matrix: any StoredMatrix, into weight: CPUWeight, at index: Int) throws {
        try matrix.waitUntilHere()
        let panels = unsafe weight.panels(of: index)
        let rowBytes = matrix.byteCount / weight.rows
        let piece = max(1, Self.pieceBytes / (rowBytes * 16))
        let fault = Mutex<(any Error)?>(nil)
        // Piece by piece also where one thread does them all: a matrix may take a gigabyte.
        team.share((weight.panelsPerMatrix + piece - 1) / piece, piece: 1) { pieces, _ in
            for first in pieces.lazy.map({ $0 * piece }) where fault.withLock({ $0 == nil }) {
                let rows = first * 16..<min((first + piece) * 16, weight.rows)
                let stored = UnsafeMutableRawBufferPointer.allocate(byteCount: rows.count * rowBytes, alignment: 64)
                defer { unsafe stored.deallocate() }
                do {
                    unsafe try matrix.read(at: rows.lowerBound * rowBytes, into: stored)
                    let destination = unsafe panels + first * weight.panelBytes
                    let bytes = UnsafeRawBufferPointer(stored)
                    if matrix.format.layout != nil {
                        unsafe Self.pack(bytes, rows: rows.count, into: destination, of: weight)
                    } else {
                        unsafe Self.pack(
                            expanding: bytes, matrix.format, rows: rows.count, into: destination, of: weight)
                    }
                } catch { fault.withLock { $0 = error } }
            }
        }
        if let error = fault.withLock({ $0 }) { throw error }
    }

    /// Packs whole rows of the weight's own format.
    private static func pack(
        _ stored: UnsafeRawBufferPointer, rows: Int, into panels: UnsafeMutablePointer<UInt8>, of weight: CPUWeight
    ) {
        guard let source = unsafe stored.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        let rowBytes = stored.count / rows
        for panel in 0..<(rows + 15) / 16 {
            var pointers = unsafe (0..<16).map { row -> UnsafePointer<UInt8>? in
                let index = panel * 16 + row
                return index < rows ? unsafe source + index * rowBytes : nil
            }
            unsafe hk_pack_panel(weight.layout, &pointers, weight.columns, panels + panel * weight.panelBytes)
        }
    }

    /// Formats without a layout of their own become Q8_0, 16 rows at a time.
    private static func pack(
        expanding stored: UnsafeRawBufferPointer, _ format: BlockFormat, rows: Int,
        into panels: UnsafeMutablePointer<UInt8>, of weight: CPUWeight
    ) {
        let rowBytes = stored.count / rows
        var values = [Float](repeating: 0, count: weight.columns)
        for panel in 0..<(rows + 15) / 16 {
            let present = panel * 16..<min(rows, panel * 16 + 16)
            var blocks = [UInt8]()
            for row in present {
                let source = unsafe UnsafeRawBufferPointer(rebasing: stored[row * rowBytes..<(row + 1) * rowBytes])
                unsafe values.withUnsafeMutableBufferPointer { unsafe format.dequantise(source, into: $0) }
                blocks.append(contentsOf: EightBitBlocks.encode(values))
            }
            unsafe blocks.withUnsafeBytes { blocks in
                unsafe pack(blocks, rows: present.count, into: panels + panel * weight.panelBytes, of: weight)
            }
        }
    }
}

/// Encoding into GGUF's Q8_0: blocks of 32 with a half-precision scale, `scale = max |x| / 127`.
enum EightBitBlocks {
    static func encode(_ values: [Float]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(values.count / 32 * 34)
        for start in stride(from: 0, to: values.count, by: 32) {
            let block = values[start..<start + 32]
            let largest = block.reduce(0) { max($0, abs($1)) }
            let scale = halfBits(largest.isFinite ? largest / 127 : 0)
            let rounded = Float(bitPattern: floatBits(ofHalf: scale))
            output.append(UInt8(truncatingIfNeeded: scale))
            output.append(UInt8(truncatingIfNeeded: scale >> 8))
            for value in block {
                let code = rounded > 0 && value.isFinite ? (value / rounded).rounded() : 0
                output.append(UInt8(bitPattern: Int8(max(-127, min(127, code)))))
            }
        }
        return output
    }

    /// IEEE 754 binary16 of a non-negative value, rounded to nearest.
    private static func halfBits(_ value: Float) -> UInt16 {
        guard value < 65504 else { return 0x7BFF }
        guard value >= 6.103515625e-5 else { return UInt16((value * 16_777_216).rounded()) }
        let bits = value.bitPattern
        return UInt16((bits + 0xFFF + (bits >> 13 & 1) - (112 << 23)) >> 13)
    }

    private static func floatBits(ofHalf half: UInt16) -> UInt32 {
        let exponent = UInt32(half >> 10), mantissa = UInt32(half & 0x3FF)
        if exponent == 0 { return (Float(mantissa) / 16_777_216).bitPattern }
        return (exponent + 112) << 23 | mantissa << 13
    }
}
