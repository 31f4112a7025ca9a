package import Crypto
package import Foundation

/// A SHA-256 digest that names a file, a chunk or a model.
public struct Digest: Sendable, Hashable {
    /// The 32 bytes.
    package let bytes: [UInt8]

    /// The digest of `data`.
    package init(of data: some DataProtocol) { bytes = Array(SHA256.hash(data: data)) }

    /// What a hash function ended with.
    package init(_ digest: SHA256Digest) { bytes = Array(digest) }

    /// 32 bytes as they are kept; `nil` for any other number.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
    }

    /// Reads `sha256:` and 64 lower-case hexadecimal digits, and nothing else: what passes may stand in a path.
    public init?(_ text: String) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let digits = text.utf8.dropFirst(Self.prefix.utf8.count)
        guard digits.count == 2 * Self.byteCount else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        self.bytes = bytes
    }

    /// Bytes of a digest.
    package static let byteCount = 32
    private static let prefix = "sha256:"

    /// The 64 hexadecimal digits.
    public var digits: String { hexadecimal(bytes) }
    /// `sha256:` and the digits.
    public var text: String { Self.prefix + digits }
}

/// The Merkle tree over a file's chunks, as RFC 6962 section 2.1 hashes it: leaves and inner nodes begin with different
/// bytes, so that neither can stand for the other.
package enum MerkleTree {
    /// The digest of a chunk.
    package static func leaf(_ chunk: some DataProtocol) -> Digest {
        var hash = SHA256()
        hash.update(data: [0])
        hash.update(data: chunk)
        return Digest(hash.finalize())
    }

    /// The root over `leaves`; of none, the digest of nothing.
    package static func root(_ leaves: [Digest]) -> Digest {
        guard !leaves.isEmpty else { return Digest(of: [UInt8]()) }
        // Joining neighbours level by level, with an odd last one moved up as it is, gives the RFC's split at the largest
        // power of two.
        var level = leaves
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: 2).map { place in
                guard place + 1 < level.count else { return level[place] }
                return node(level[place], level[place + 1])
            }
        }
        return level[0]
    }

    private static func node(_ left: Digest, _ right: Digest) -> Digest {
        var hash = SHA256()
        hash.update(data: [1])
        hash.update(data: left.bytes)
        hash.update(data: right.bytes)
        return Digest(hash.finalize())
    }
}

/// Lower-case hexadecimal digits, two a byte.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
