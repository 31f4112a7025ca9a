/// Reads a file from front to back; every read is compared with what is left first.
struct ByteCursor {
    /// Headers are walked in steps of a few bytes; the file is asked for this many at a time.
    private static let windowBytes = 256 << 10

    let file: CheckpointFile
    private(set) var offset: Int
    private var window: [UInt8] = []
    private var windowStart = 0

    init(_ file: CheckpointFile, at offset: Int = 0) {
        self.file = file
        self.offset = offset
    }

    var remaining: Int { file.size - offset }

    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type, of what: String
    ) throws(CheckpointError) -> Value {
        let place = try advance(MemoryLayout<Value>.size, of: what)
        return unsafe window.withUnsafeBytes { bytes in
            Value(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: place.lowerBound, as: Value.self))
        }
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
        let place = try advance(length, of: what)
        guard let text = String(validating: window[place], as: UTF8.self) else {
            throw .malformed(file.name, what, expected: "UTF-8", found: "other bytes at byte \(offset - length)")
        }
        return text
    }

    mutating func skip(_ bytes: Int, of what: String) throws(CheckpointError) {
        guard bytes >= 0, bytes <= remaining else { throw endOfFile(what) }
        offset += bytes
    }

    /// Moves on by `count` bytes.
    /// - Returns: where they lie in the window.
    private mutating func advance(_ count: Int, of what: String) throws(CheckpointError) -> Range<Int> {
        guard count <= remaining else { throw endOfFile(what) }
        if offset < windowStart || offset + count > windowStart + window.count {
            window = try file.bytes(in: offset..<(offset + max(count, min(remaining, Self.windowBytes))))
            windowStart = offset
        }
        let start = offset - windowStart
        offset += count
        return start..<(start + count)
    }

    private func endOfFile(_ what: String) -> CheckpointError {
        .malformed(file.name, what, expected: "more bytes", found: "the end of the file at byte \(file.size)")
    }
}
