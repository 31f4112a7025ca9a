public import Tensors

/// A weight in a file: shape, format, and access to its bytes. Keeps the file open.
public struct CheckpointTensor: Sendable {
    /// The canonical name, as Hugging Face's model classes have it.
    public let name: String
    /// How its elements are stored.
    public let format: BlockFormat
    /// Extents, outermost first: a matrix is `[outputs, inputs]`.
    public let shape: [Int]

    private let file: CheckpointFile
    private let bytes: Range<Int>

    /// - Precondition: `bytes` lies in `file` and is what `shape` takes in `format`; readers have checked it.
    init(name: String, format: BlockFormat, shape: [Int], file: CheckpointFile, bytes: Range<Int>) {
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

    /// Fills `buffer` with the stored bytes from `offset` on.
    /// - Precondition: the bytes lie within ``byteCount``.
    /// - Throws: ``CheckpointError`` of kind `changed` or `unreadable`.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        precondition(offset >= 0 && buffer.count <= bytes.count - offset, "a read beyond the tensor's end")
        unsafe try file.read(at: bytes.lowerBound + offset, into: buffer)
    }

    /// Blocks while bytes of it are still on their way.
    /// - Throws: ``CheckpointError`` of kind `changed` if they won't come.
    public func waitUntilHere() throws { try file.waitUntilHere(bytes) }

    /// All elements as floats, in order.
    /// - Throws: ``CheckpointError`` of kind `changed` or `unreadable`.
    public func floats() throws(CheckpointError) -> [Float] {
        let stored = try file.bytes(in: bytes)
        let count = elementCount
        return unsafe [Float](unsafeUninitializedCapacity: count) { values, initialized in
            unsafe stored.withUnsafeBytes { bytes in
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
}
