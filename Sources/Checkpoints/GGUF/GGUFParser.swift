import OrderedJSON
import Tensors

/// Walks through a GGUF header from front to back.
struct GGUFParser {
    /// The longest text taken as a single value: tokenisers and templates stay far below.
    static let stringBytes = 64 << 20
    private static let keyBytes = 65_535
    /// ggml's GGML_MAX_NAME counts the closing NUL.
    private static let tensorNameBytes = 63
    private static let dimensions = 4

    private let file: CheckpointFile
    private var cursor: ByteCursor

    init(_ file: CheckpointFile) {
        self.file = file
        cursor = ByteCursor(file)
    }

    /// Magic, version, and the two counts, which are compared with the bytes that are left.
    mutating func parseStart() throws(CheckpointError) -> (version: Int, values: Int, tensors: Int) {
        let magic = try cursor.integer(UInt32.self, of: "magic")
        guard magic == 0x4655_4747 else {
            throw .malformed(file.name, "magic", expected: "the letters GGUF", found: "other bytes")
        }
        let version = try cursor.integer(UInt32.self, of: "version")
        if (1...255).contains(version.byteSwapped) {
            throw .unsupported(
                file.name, "version", expected: "little-endian byte order", found: "a file in big-endian byte order")
        }
        guard version == 2 || version == 3 else {
            throw .unsupported(file.name, "version", expected: "GGUF version 2 or 3", found: "\(version)")
        }
        // Name length, number of dimensions, type and offset; key length, type and a value of one byte.
        let tensors = try cursor.count(bytesEach: 8 + 4 + 4 + 8, of: "tensor count")
        let values = try cursor.count(bytesEach: 8 + 4 + 1, of: "metadata count")
        return (Int(version), values, tensors)
    }

    /// `count` keys with their values.
    mutating func parseMetadata(count: Int) throws(CheckpointError) -> GGUFMetadata {
        var metadata = GGUFMetadata(file: file.name, capacity: count)
        for _ in 0..<count {
            let key = try cursor.string(limit: Self.keyBytes, of: "a metadata key")
            guard !key.isEmpty else { throw .malformed(file.name, "a metadata key", expected: "a name", found: "''") }
            let type = try valueType(key)
            let value = type == .array ? .array(try parseArray(key)) : try cursor.value(of: type, key: key)
            guard metadata.append(key, value) else {
                throw .malformed(file.name, key, expected: "each key once", found: "it twice")
            }
        }
        return metadata
    }

    private mutating func valueType(_ key: String) throws(CheckpointError) -> GGUFValueType {
        let number = try cursor.integer(UInt32.self, of: key)
        guard let type = GGUFValueType(rawValue: number) else {
            throw .malformed(file.name, key, expected: "a value type from 0 to 12", found: "\(number)")
        }
        return type
    }

    /// Notes where an array lies and moves behind it; only the lengths of strings are looked at.
    private mutating func parseArray(_ key: String) throws(CheckpointError) -> GGUFArray {
        let type = try valueType(key)
        guard type != .array else {
            throw .malformed(file.name, key, expected: "an array of plain values", found: "an array of arrays")
        }
        let count = try cursor.count(bytesEach: type.minimumBytes, of: key)
        let array = GGUFArray(elementType: type, count: count, file: file, offset: cursor.offset, key: key)
        if type == .string {
            for _ in 0..<count { try cursor.skip(try cursor.count(bytesEach: 1, of: key), of: key) }
        } else {
            try cursor.skip(count * type.minimumBytes, of: key)
        }
        return array
    }

    /// What tensor data is aligned to: 32 unless the file says otherwise.
    static func alignment(_ metadata: GGUFMetadata) throws(CheckpointError) -> Int {
        let key = "general.alignment"
        switch metadata[key] {
        case nil: return 32
        // The lower bound is the format's own; without an upper one, padding could wrap.
        case .unsigned(let value, .uint32)? where (8...65_536).contains(value) && value.nonzeroBitCount == 1:
            return Int(value)
        case let other?:
            throw .malformed(
                metadata.file, key, expected: "a uint32 power of two from 8 to 65536", found: other.shown)
        }
    }
}

extension GGUFParser {
    /// A tensor as described, before it is known where the data starts.
    private struct Description {
        let name: String
        let shape: [Int]
        let type: ElementType
        let byteCount: Int
        let offset: Int
    }

    /// `count` tensor descriptions; then the rules of their layout in the file.
    mutating func parseTensors(count: Int, alignment: Int) throws(CheckpointError) -> [StoredTensor] {
        var descriptions: [Description] = []
        var names: Set<UTF8Key> = []
        for _ in 0..<count {
            let description = try parseTensor()
            guard names.insert(UTF8Key(description.name)).inserted else {
                throw .malformed(file.name, description.name, expected: "each tensor once", found: "it twice")
            }
            descriptions.append(description)
        }
        // The header is inside the file, so this can't overflow.
        let dataStart = (cursor.offset + alignment - 1) / alignment * alignment
        try checkLayout(descriptions, dataStart: dataStart, alignment: alignment)
        return descriptions.map { description in
            let start = dataStart + description.offset
            return StoredTensor(
                name: description.name, shape: description.shape, elementType: description.type,
                bytes: start..<(start + description.byteCount))
        }
    }

    private mutating func parseTensor() throws(CheckpointError) -> Description {
        let name = try cursor.string(limit: Self.tensorNameBytes, of: "a tensor's name")
        guard !name.isEmpty else { throw .malformed(file.name, "a tensor's name", expected: "a name", found: "''") }
        let dimensions = try cursor.integer(UInt32.self, of: name)
        guard dimensions <= Self.dimensions else {
            throw .malformed(file.name, name, expected: "at most \(Self.dimensions) dimensions", found: "\(dimensions)")
        }
        var shape: [Int] = []
        for _ in 0..<dimensions {
            let extent = try cursor.integer(UInt64.self, of: name)
            guard let extent = Int(exactly: extent) else {
                throw .malformed(file.name, name, expected: "an extent below 2^63", found: "\(extent)")
            }
            // The file has the innermost extent first.
            shape.insert(extent, at: 0)
        }
        let typeNumber = try cursor.integer(UInt32.self, of: name)
        guard let type = ElementType(ggmlType: typeNumber) else {
            throw .unsupported(file.name, name, expected: "a known tensor type", found: "type number \(typeNumber)")
        }
        let columns = shape.last ?? 1
        guard columns % type.blockElements == 0 else {
            throw .malformed(
                file.name, name, expected: "rows of whole \(type.name) blocks of \(type.blockElements)",
                found: "rows of \(columns)")
        }
        guard let elements = StoredTensor.elements(of: shape), let bytes = type.bytes(forElements: elements) else {
            throw .malformed(file.name, name, expected: "a size below 2^63 bytes", found: "the shape \(shape)")
        }
        let offset = try cursor.integer(UInt64.self, of: name)
        guard let offset = Int(exactly: offset) else {
            throw .malformed(file.name, name, expected: "an offset below 2^63", found: "\(offset)")
        }
        return Description(name: name, shape: shape, type: type, byteCount: bytes, offset: offset)
    }

    /// Tensors follow each other without overlap or hole, each aligned, all before the file's end.
    private func checkLayout(
        _ descriptions: [Description], dataStart: Int, alignment: Int
    ) throws(CheckpointError) {
        let ordered = descriptions.sorted { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
        let available = file.size - dataStart
        var next = 0
        for tensor in ordered {
            guard tensor.offset % alignment == 0 else {
                throw .malformed(
                    file.name, tensor.name, expected: "an offset that is a multiple of \(alignment)",
                    found: "\(tensor.offset)")
            }
            guard tensor.offset == next else {
                throw .malformed(
                    file.name, tensor.name, expected: "the offset \(next), right behind the tensor before",
                    found: "\(tensor.offset)")
            }
            guard tensor.offset <= available, tensor.byteCount <= available - tensor.offset else {
                throw .malformed(
                    file.name, tensor.name, expected: "\(tensor.byteCount) bytes from data offset \(tensor.offset) on",
                    found: "the end of the file after \(max(0, available)) bytes of data")
            }
            // Both are bounded by the file's size and the alignment by 65,536: no overflow.
            next = (tensor.offset + tensor.byteCount + alignment - 1) / alignment * alignment
        }
    }
}
