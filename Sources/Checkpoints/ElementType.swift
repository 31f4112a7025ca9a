public import Tensors

/// What a stored tensor's elements are: a format that weights may have, or one of which only the size is known.
public enum ElementType: Equatable, Sendable {
    /// A format that the engine computes with.
    case weight(BlockFormat)
    /// Another type; files may hold it, no weight may.
    case other(name: String, bytes: Int)

    /// The type's usual name.
    public var name: String {
        switch self {
        case .weight(let format): format.name
        case .other(let name, _): name
        }
    }

    /// Elements that can't be parted; rows are whole multiples of it.
    public var blockElements: Int {
        switch self {
        case .weight(let format): format.blockElements
        case .other: 1
        }
    }

    /// Bytes that `elements` take; `nil` if that is no whole number of blocks or too many.
    public func bytes(forElements elements: Int) -> Int? {
        switch self {
        case .weight(let format): return format.bytes(forElements: elements)
        case .other(_, let bytes):
            let (product, overflow) = elements.multipliedReportingOverflow(by: bytes)
            return overflow || elements < 0 ? nil : product
        }
    }
}

extension ElementType {
    /// The type with number `ggmlType` in a GGUF file; `nil` for removed and unknown ones.
    init?(ggmlType: UInt32) {
        if let format = BlockFormat(rawValue: ggmlType) {
            self = .weight(format)
            return
        }
        switch ggmlType {
        case 24: self = .other(name: "I8", bytes: 1)
        case 25: self = .other(name: "I16", bytes: 2)
        case 26: self = .other(name: "I32", bytes: 4)
        case 27: self = .other(name: "I64", bytes: 8)
        case 28: self = .other(name: "F64", bytes: 8)
        default: return nil
        }
    }

    /// The type named `dtype` in a safetensors header; `nil` for unknown ones.
    init?(dtype: String) {
        switch dtype {
        case "F32": self = .weight(.f32)
        case "F16": self = .weight(.f16)
        case "BF16": self = .weight(.bf16)
        case "F64", "I64", "U64": self = .other(name: dtype, bytes: 8)
        case "I32", "U32": self = .other(name: dtype, bytes: 4)
        case "I16", "U16": self = .other(name: dtype, bytes: 2)
        case "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2": self = .other(name: dtype, bytes: 1)
        default: return nil
        }
    }
}

/// One tensor as a file's header describes it; its bytes are known to lie in the file.
public struct StoredTensor: Equatable, Sendable {
    /// The name in the file.
    public let name: String
    /// Extents, outermost first; empty for a scalar.
    public let shape: [Int]
    /// What its elements are.
    public let elementType: ElementType
    /// Where its bytes lie, from the start of the file.
    public let bytes: Range<Int>

    /// The product of `shape`; `nil` if an extent is negative or the product passes 63 bits.
    static func elements(of shape: [Int]) -> Int? {
        var elements = 1
        for extent in shape {
            let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else { return nil }
            elements = product
        }
        return elements
    }
}
