import OrderedJSON
import Tensors

/// The JSON header of a safetensors file, checked against the file.
struct SafetensorsHeader {
    private(set) var metadata: [(key: String, value: String)] = []
    private(set) var tensors: [StoredTensor] = []

    /// The reference reader's own limit on bytes; the others bound what parsing them costs.
    private static let limits = JSONLimits(bytes: 100_000_000, depth: 16, values: 4_000_000)

    init(_ file: CheckpointFile) throws(CheckpointError) {
        var cursor = ByteCursor(file)
        let announced = try cursor.integer(UInt64.self, of: "header length")
        guard let length = Int(exactly: announced), length <= min(cursor.remaining, Self.limits.bytes) else {
            throw .malformed(
                file.name, "header length",
                expected: "at most \(min(cursor.remaining, Self.limits.bytes)) bytes", found: "\(announced)")
        }
        guard length > 0, try cursor.integer(UInt8.self, of: "header") == UInt8(ascii: "{") else {
            throw .malformed(file.name, "header", expected: "JSON that starts with {", found: "something else")
        }
        let start = 8 + length
        let header = try JSONFile.parse(file, range: 8..<start, limits: Self.limits)
        tensors.reserveCapacity(header.count)
        for (name, entry) in header.entries {
            if name.utf8.elementsEqual("__metadata__".utf8) {
                metadata = try Self.metadata(entry, file.name)
            } else {
                tensors.append(try Self.tensor(name, entry, file.name, dataStart: start))
            }
        }
        try checkLayout(file, dataStart: start)
    }

    private static func metadata(
        _ entry: JSONValue, _ file: String
    ) throws(CheckpointError) -> [(key: String, value: String)] {
        guard let object = entry.object else {
            throw .malformed(file, "__metadata__", expected: "an object", found: "a JSON \(entry.kind)")
        }
        var texts: [(key: String, value: String)] = []
        for (key, value) in object.entries {
            guard let text = value.string else {
                throw .malformed(file, "__metadata__.\(key)", expected: "a string", found: "a JSON \(value.kind)")
            }
            texts.append((key, text))
        }
        return texts
    }

    private static func tensor(
        _ name: String, _ entry: JSONValue, _ file: String, dataStart: Int
    ) throws(CheckpointError) -> StoredTensor {
        guard let dtype = entry["dtype"]?.string else {
            throw .malformed(file, name, expected: "an object with a string 'dtype'", found: "a JSON \(entry.kind)")
        }
        guard let type = ElementType(dtype: dtype) else {
            throw .unsupported(file, name, expected: "a known dtype", found: CheckpointError.quoted(dtype))
        }
        let shape = try integers(entry["shape"], "\(name).shape", file)
        let offsets = try integers(entry["data_offsets"], "\(name).data_offsets", file)
        guard let elements = StoredTensor.elements(of: shape), let bytes = type.bytes(forElements: elements) else {
            throw .malformed(file, name, expected: "a size below 2^63 bytes", found: "the shape \(shape)")
        }
        guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= Int.max - dataStart else {
            throw .malformed(file, name, expected: "data_offsets of begin and end", found: "\(offsets.prefix(4))")
        }
        guard offsets[1] - offsets[0] == bytes else {
            throw .malformed(
                file, name, expected: "\(bytes) bytes for \(dtype) of shape \(shape)",
                found: "\(offsets[1] - offsets[0])")
        }
        return StoredTensor(
            name: name, shape: shape, elementType: type, bytes: (dataStart + offsets[0])..<(dataStart + offsets[1]))
    }

    private static func integers(
        _ value: JSONValue?, _ place: String, _ file: String
    ) throws(CheckpointError) -> [Int] {
        guard let elements = value?.array, elements.count <= 64 else {
            throw .malformed(file, place, expected: "a short array", found: value.map { "a JSON \($0.kind)" } ?? "")
        }
        var integers: [Int] = []
        for element in elements {
            guard case .integer(let integer) = element, integer >= 0 else {
                throw .malformed(
                    file, place, expected: "integers from 0 to 2^63 - 1",
                    found: CheckpointError.shown(element.double.map { "\($0)" } ?? element.kind))
            }
            integers.append(integer)
        }
        return integers
    }

    private func checkLayout(_ file: CheckpointFile, dataStart: Int) throws(CheckpointError) {
        let ordered = tensors.sorted {
            ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
        }
        var next = dataStart
        for tensor in ordered {
            guard tensor.bytes.lowerBound == next else {
                throw .malformed(
                    file.name, tensor.name,
                    expected: "data from \(next - dataStart) on, right behind the tensor before",
                    found: "\(tensor.bytes.lowerBound - dataStart)")
            }
            next = tensor.bytes.upperBound
        }
        guard next == file.size else {
            throw .malformed(
                file.name, "data", expected: "\(next - dataStart) bytes, as the header says",
                found: "\(file.size - dataStart)")
        }
    }
}
