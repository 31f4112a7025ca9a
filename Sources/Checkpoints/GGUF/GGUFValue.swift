/// The types of metadata values, by their numbers in the file.
public enum GGUFValueType: UInt32, Sendable {
    case uint8 = 0
    case int8 = 1
    case uint16 = 2
    case int16 = 3
    case uint32 = 4
    case int32 = 5
    case float32 = 6
    case bool = 7
    case string = 8
    case array = 9
    case uint64 = 10
    case int64 = 11
    case float64 = 12

    /// Bytes of one value, at least: a string's length alone takes 8.
    var minimumBytes: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64, .string: 8
        case .array: 12
        }
    }
}

/// A metadata value with the type it was stored as.
public enum GGUFValue: Sendable {
    case unsigned(UInt64, GGUFValueType)
    case signed(Int64, GGUFValueType)
    case float(Double, GGUFValueType)
    case bool(Bool)
    case string(String)
    case array(GGUFArray)

    /// The type it was stored as.
    public var type: GGUFValueType {
        switch self {
        case .unsigned(_, let type), .signed(_, let type), .float(_, let type): type
        case .bool: .bool
        case .string: .string
        case .array: .array
        }
    }

    /// The value for a message.
    var shown: String {
        switch self {
        case .unsigned(let value, let type): "\(value) (\(type))"
        case .signed(let value, let type): "\(value) (\(type))"
        case .float(let value, let type): "\(value) (\(type))"
        case .bool(let value): "\(value)"
        case .string(let text): CheckpointError.quoted(text)
        case .array(let array): "an array of \(array.count) \(array.elementType)"
        }
    }
}

/// An array in the metadata that is read when it is asked for: a vocabulary has hundreds of thousands of strings.
///
/// The parser has walked over it, so its extent lies in the file; texts are checked to be UTF-8 only on reading.
public struct GGUFArray: Sendable {
    /// The type of each element; never `array`.
    public let elementType: GGUFValueType
    /// How many there are.
    public let count: Int

    private let file: CheckpointFile
    private let offset: Int
    private let key: String

    init(elementType: GGUFValueType, count: Int, file: CheckpointFile, offset: Int, key: String) {
        self.elementType = elementType
        self.count = count
        self.file = file
        self.offset = offset
        self.key = key
    }

    /// The elements as texts.
    /// - Throws: ``CheckpointError`` if they are no strings, or one is not UTF-8.
    public func strings() throws(CheckpointError) -> [String] {
        guard elementType == .string else { throw wrongType("an array of string") }
        var cursor = ByteCursor(file, at: offset)
        var strings: [String] = []
        strings.reserveCapacity(count)
        for _ in 0..<count { strings.append(try cursor.string(limit: .max, of: key)) }
        return strings
    }

    /// The elements as integers, if they are stored as one of `types`.
    public func integers(storedAs types: GGUFValueType...) throws(CheckpointError) -> [Int] {
        let expected = "an array of \(types.map { "\($0)" }.joined(separator: " or "))"
        guard types.contains(elementType) else { throw wrongType(expected) }
        var cursor = ByteCursor(file, at: offset)
        var integers: [Int] = []
        integers.reserveCapacity(count)
        for _ in 0..<count {
            switch try cursor.value(of: elementType, key: key) {
            case .signed(let value, _): integers.append(Int(value))
            case .unsigned(let value, _):
                guard let value = Int(exactly: value) else { throw wrongType("integers of at most 63 bits") }
                integers.append(value)
            default: throw wrongType(expected)
            }
        }
        return integers
    }

    private func wrongType(_ expected: String) -> CheckpointError {
        .malformed(file.name, key, expected: expected, found: GGUFValue.array(self).shown)
    }
}

extension ByteCursor {
    /// One metadata value that is no array.
    mutating func value(of type: GGUFValueType, key: String) throws(CheckpointError) -> GGUFValue {
        switch type {
        case .uint8: return .unsigned(UInt64(try integer(UInt8.self, of: key)), type)
        case .uint16: return .unsigned(UInt64(try integer(UInt16.self, of: key)), type)
        case .uint32: return .unsigned(UInt64(try integer(UInt32.self, of: key)), type)
        case .uint64: return .unsigned(try integer(UInt64.self, of: key), type)
        case .int8: return .signed(Int64(try integer(Int8.self, of: key)), type)
        case .int16: return .signed(Int64(try integer(Int16.self, of: key)), type)
        case .int32: return .signed(Int64(try integer(Int32.self, of: key)), type)
        case .int64: return .signed(try integer(Int64.self, of: key), type)
        case .float32: return .float(Double(Float(bitPattern: try integer(UInt32.self, of: key))), type)
        case .float64: return .float(Double(bitPattern: try integer(UInt64.self, of: key)), type)
        case .string: return .string(try string(limit: GGUFParser.stringBytes, of: key))
        case .bool:
            let byte = try integer(UInt8.self, of: key)
            guard byte <= 1 else { throw .malformed(file.name, key, expected: "0 or 1 for bool", found: "\(byte)") }
            return .bool(byte == 1)
        case .array:
            throw .malformed(file.name, key, expected: "arrays of plain values", found: "an array of arrays")
        }
    }
}
