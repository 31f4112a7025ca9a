public import Tensors

/// A weight in a mapped file: shape, format, and access to its bytes. Keeps the mapping alive.
public struct CheckpointTensor: Sendable {
    /// The canonical name, as Hugging Face's model classes have it.
    public let name: String
    /// How its elements are stored.
    public let format: BlockFormat
    /// Extents, outermost first: a matrix is `[outputs, inputs]`.
    public let shape: [Int]

    private let file: MappedFile
    private let bytes: Range<Int>

    /// - Precondition: `bytes` lies in `file` and is what `shape` takes in `format`; readers have checked it.
    init(name: String, format: BlockFormat, shape: [Int], file: MappedFile, bytes: Range<Int>) {
        self.name = name
        self.format = format
        self.shape = shape
        self.file = file
        self.bytes = bytes
    }

    /// The product of ``shape``.
    public var elementCount: Int { shape.reduce(1, *) }
    /// Bytes that it takes in the file.
    public var byteCount: Int { bytes.count }

    /// Calls `body` with the stored bytes; the pointer must not leave it.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try unsafe file.withBytes { all in try unsafe body(UnsafeRawBufferPointer(rebasing: all[bytes])) }
    }

    /// All elements as floats, in order.
    public func floats() -> [Float] {
        let count = elementCount
        return unsafe [Float](unsafeUninitializedCapacity: count) { values, initialized in
            unsafe withBytes { bytes in
                unsafe format.dequantise(bytes, into: UnsafeMutableBufferPointer(rebasing: values[..<count]))
            }
            initialized = count
        }
    }

    /// The rows from `range` of the outermost extent.
    /// - Precondition: `range` lies in `0..<shape[0]`.
    public func rows(_ range: Range<Int>) -> CheckpointTensor {
        precondition(!shape.isEmpty && range.lowerBound >= 0 && range.upperBound <= shape[0], "rows out of range")
        let rowBytes = shape[0] == 0 ? 0 : bytes.count / shape[0]
        let start = bytes.lowerBound + range.lowerBound * rowBytes
        return CheckpointTensor(
            name: name, format: format, shape: [range.count] + shape.dropFirst(), file: file,
            bytes: start..<(start + range.count * rowBytes))
    }

    /// The `index`-th part along the outermost extent, without that extent.
    /// - Precondition: `index` lies in `0..<shape[0]`.
    public func part(_ index: Int) -> CheckpointTensor {
        let row = rows(index..<(index + 1))
        return CheckpointTensor(
            name: "\(name)[\(index)]", format: format, shape: Array(shape.dropFirst()), file: file, bytes: row.bytes)
    }

    /// Asks the system to read the bytes ahead (`soon`), or to drop them from memory after use: a model that is
    /// repacked tensor by tensor then never lies in memory twice.
    public func advise(soon: Bool) { file.advise(bytes, soon: soon) }
}
