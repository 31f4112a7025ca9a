/// Which chunks of a model are there: one bit each, the first chunk in the lowest bit of the first byte.
public struct ChunkSet: Sendable, Equatable {
    /// How many chunks the model has.
    public let chunkCount: Int
    /// The bits; those behind the last chunk are 0.
    public private(set) var bytes: [UInt8]
    /// How many chunks are there.
    public private(set) var count: Int

    /// A set without chunks, or with all.
    public init(chunkCount: Int, isFull: Bool = false) {
        self.chunkCount = chunkCount
        bytes = [UInt8](repeating: isFull ? 0xFF : 0, count: (chunkCount + 7) / 8)
        count = isFull ? chunkCount : 0
        if isFull, chunkCount % 8 != 0 { bytes[bytes.count - 1] = 0xFF >> (8 - UInt8(chunkCount % 8)) }
    }

    /// Bits as they came from a file or another node; `nil` if they aren't as many as the model has chunks.
    public init?(chunkCount: Int, bytes: [UInt8]) {
        self.init(chunkCount: chunkCount)
        guard bytes.count == self.bytes.count else { return nil }
        guard chunkCount % 8 == 0 || bytes[bytes.count - 1] >> UInt8(chunkCount % 8) == 0 else { return nil }
        self.bytes = bytes
        count = bytes.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// Whether all chunks are there.
    public var isComplete: Bool { count == chunkCount }

    /// Whether a chunk is there; no chunk beyond the last is.
    public func contains(_ chunk: Int) -> Bool {
        guard (0..<chunkCount).contains(chunk) else { return false }
        return bytes[chunk >> 3] & (1 << UInt8(chunk & 7)) != 0
    }

    /// The first of some chunks that isn't there.
    func firstMissing(in chunks: ClosedRange<Int>) -> Int? { chunks.first { !contains($0) } }

    /// Adds a chunk of the model.
    /// - Returns: whether it is new.
    @discardableResult
    public mutating func insert(_ chunk: Int) -> Bool {
        guard (0..<chunkCount).contains(chunk), !contains(chunk) else { return false }
        bytes[chunk >> 3] |= 1 << UInt8(chunk & 7)
        count += 1
        return true
    }

    /// Takes a chunk away.
    public mutating func remove(_ chunk: Int) {
        guard contains(chunk) else { return }
        bytes[chunk >> 3] &= ~(1 << UInt8(chunk & 7))
        count -= 1
    }
}
