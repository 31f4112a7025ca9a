import Foundation

/// Writes GGUF files by hand, right ones and wrong ones.
struct GGUFBuilder {
    /// A metadata value: its type's number and its bytes.
    struct Value {
        var type: UInt32
        var bytes: [UInt8]

        static func uint8(_ value: UInt8) -> Value { Value(type: 0, bytes: [value]) }
        static func uint16(_ value: UInt16) -> Value { Value(type: 2, bytes: littleEndian(value)) }
        static func uint32(_ value: UInt32) -> Value { Value(type: 4, bytes: littleEndian(value)) }
        static func int32(_ value: Int32) -> Value { Value(type: 5, bytes: littleEndian(value)) }
        static func uint64(_ value: UInt64) -> Value { Value(type: 10, bytes: littleEndian(value)) }
        static func float32(_ value: Float) -> Value { Value(type: 6, bytes: littleEndian(value.bitPattern)) }
        static func bool(_ value: Bool) -> Value { Value(type: 7, bytes: [value ? 1 : 0]) }
        static func string(_ text: String) -> Value { Value(type: 8, bytes: counted(Array(text.utf8))) }
        static func array(_ type: UInt32, count: UInt64, _ elements: [UInt8]) -> Value {
            Value(type: 9, bytes: littleEndian(type) + littleEndian(count) + elements)
        }
        static func strings(_ texts: [String]) -> Value {
            array(8, count: UInt64(texts.count), texts.flatMap { counted(Array($0.utf8)) })
        }
        static func int32s(_ values: [Int32]) -> Value {
            array(5, count: UInt64(values.count), values.flatMap { littleEndian($0) })
        }
        static func float32s(_ values: [Float]) -> Value {
            array(6, count: UInt64(values.count), values.flatMap { littleEndian($0.bitPattern) })
        }
    }

    /// A tensor: extents innermost first, as the file has them.
    struct Tensor {
        var name: String
        var extents: [UInt64]
        var type: UInt32
        var data: [UInt8]
        /// `nil` to lie right behind the tensor before.
        var offset: UInt64?
    }

    var version: UInt32 = 3
    var values: [(key: String, value: Value)] = []
    var tensors: [Tensor] = []
    var announcedValues: UInt64?
    var announcedTensors: UInt64?
    var alignment = 32

    /// The value of `key`; setting `nil` removes it.
    subscript(key: String) -> Value? {
        get { values.first { $0.key == key }?.value }
        set {
            let place = values.firstIndex { $0.key == key }
            switch (place, newValue) {
            case (let place?, let value?): values[place].value = value
            case (let place?, nil): values.remove(at: place)
            case (nil, let value?): values.append((key, value))
            case (nil, nil): break
            }
        }
    }

    /// Adds a tensor of floats.
    mutating func add(_ name: String, _ extents: [Int], value: Float = 0.5) {
        let data = Array(repeating: littleEndian(value.bitPattern), count: extents.reduce(1, *)).flatMap(\.self)
        tensors.append(Tensor(name: name, extents: extents.map(UInt64.init), type: 0, data: data))
    }

    /// Magic, counts, metadata and tensor descriptions.
    func header() -> [UInt8] {
        var bytes = Array("GGUF".utf8) + littleEndian(version)
        bytes += littleEndian(announcedTensors ?? UInt64(tensors.count))
        bytes += littleEndian(announcedValues ?? UInt64(values.count))
        for (key, value) in values { bytes += counted(Array(key.utf8)) + littleEndian(value.type) + value.bytes }
        var next: UInt64 = 0
        for tensor in tensors {
            bytes += counted(Array(tensor.name.utf8)) + littleEndian(UInt32(tensor.extents.count))
            for extent in tensor.extents { bytes += littleEndian(extent) }
            bytes += littleEndian(tensor.type) + littleEndian(tensor.offset ?? next)
            next += UInt64((tensor.data.count + alignment - 1) / alignment * alignment)
        }
        return bytes
    }

    /// The whole file.
    func bytes() -> [UInt8] {
        var bytes = header()
        for tensor in tensors {
            bytes += [UInt8](repeating: 0, count: (alignment - bytes.count % alignment) % alignment) + tensor.data
        }
        return bytes
    }
}

/// The bytes of `value`, lowest first.
func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    (0..<(Value.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

/// `bytes` after their 64-bit count.
func counted(_ bytes: [UInt8]) -> [UInt8] { littleEndian(UInt64(bytes.count)) + bytes }
