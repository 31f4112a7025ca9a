extension MappedFile {
    /// All bytes as an array; for small files only.
    public func contents() -> [UInt8] { unsafe withBytes { bytes in unsafe Array(bytes) } }

    /// The little-endian integer at `offset`; `nil` unless all its bytes lie in the file.
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Value.Type) -> Value? {
        guard offset >= 0, offset <= size, MemoryLayout<Value>.size <= size - offset else { return nil }
        return unsafe withBytes { bytes in
            Value(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
    }

    /// The text in `range`; `nil` unless it lies in the file and is UTF-8.
    func text(in range: Range<Int>) -> String? {
        guard range.lowerBound >= 0, range.upperBound <= size else { return nil }
        return unsafe withBytes { bytes in
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
            return unsafe String(validating: bytes.assumingMemoryBound(to: UInt8.self), as: UTF8.self)
        }
    }

    /// The bytes in `range` as an array; `nil` unless it lies in the file.
    func bytes(in range: Range<Int>) -> [UInt8]? {
        guard range.lowerBound >= 0, range.upperBound <= size else { return nil }
        return unsafe withBytes { bytes in unsafe Array(bytes[range]) }
    }
}

/// Reads a file from front to back; every read is compared with what is left first.
struct ByteCursor {
    let file: MappedFile
    private(set) var offset: Int

    init(_ file: MappedFile, at offset: Int = 0) {
        self.file = file
        self.offset = offset
    }

    var remaining: Int { file.size - offset }

    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type, of what: String
    ) throws(CheckpointError) -> Value {
        guard let value = file.integer(at: offset, as: type) else { throw endOfFile(what) }
        offset += MemoryLayout<Value>.size
        return value
    }

    /// A 64-bit count of things that take at least `bytesEach` bytes each: more than fit the rest are refused.
    mutating func count(bytesEach: Int, of what: String) throws(CheckpointError) -> Int {
        let announced = try integer(UInt64.self, of: what)
        guard let count = Int(exactly: announced), count <= remaining / bytesEach else {
            throw .malformed(
                file.name, what, expected: "at most the \(remaining / bytesEach) that \(remaining) bytes can hold",
                found: "\(announced)")
        }
        return count
    }

    /// A string after its 64-bit length, at most `limit` bytes of UTF-8.
    mutating func string(limit: Int, of what: String) throws(CheckpointError) -> String {
        let length = try count(bytesEach: 1, of: what)
        guard length <= limit else {
            throw .malformed(file.name, what, expected: "at most \(limit) bytes", found: "\(length)")
        }
        guard let text = file.text(in: offset..<(offset + length)) else {
            throw .malformed(file.name, what, expected: "UTF-8", found: "other bytes at byte \(offset)")
        }
        offset += length
        return text
    }

    mutating func skip(_ bytes: Int, of what: String) throws(CheckpointError) {
        guard bytes >= 0, bytes <= remaining else { throw endOfFile(what) }
        offset += bytes
    }

    private func endOfFile(_ what: String) -> CheckpointError {
        .malformed(file.name, what, expected: "more bytes", found: "the end of the file at byte \(file.size)")
    }
}
