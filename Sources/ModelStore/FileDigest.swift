import Crypto
import Foundation

/// The entity tags that say what a file's bytes are.
public enum FileTag {
    /// Begins the tags of nodes: the digits of the Merkle root follow.
    public static let merklePrefix = "merkle-"
}

/// The digest that a file's entity tag names.
struct FileDigest {
    private enum Kind {
        case sha256(SHA256)
        case gitBlob(Insecure.SHA1)
        /// The chunks so far, and what has come of the next one.
        case merkle([Digest], [UInt8])
        /// The tag is no digest: the size is all that can be checked.
        case none
    }
    private let tag: String
    private var kind: Kind

    init(_ file: Hub.RemoteFile) {
        tag = file.tag
        guard !tag.hasPrefix(FileTag.merklePrefix) else {
            kind = .merkle([], [])
            return
        }
        let isHexadecimal = file.tag.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        switch (isHexadecimal, file.tag.utf8.count) {
        case (true, 64): kind = .sha256(SHA256())
        case (true, 40):
            var hash = Insecure.SHA1()
            hash.update(data: Data("blob \(file.bytes)\0".utf8))
            kind = .gitBlob(hash)
        default: kind = .none
        }
    }

    /// Whether the tag says what the bytes are.
    var isDigest: Bool { if case .none = kind { false } else { true } }

    mutating func update(_ bytes: [UInt8]) {
        switch kind {
        case .sha256(var hash):
            hash.update(data: bytes)
            kind = .sha256(hash)
        case .gitBlob(var hash):
            hash.update(data: bytes)
            kind = .gitBlob(hash)
        case .merkle(var chunks, var rest):
            // Not two copies of what has come.
            kind = .none
            rest += bytes
            var start = 0
            while rest.count - start >= ModelManifest.chunkBytes {
                chunks.append(MerkleTree.leaf(rest[start..<start + ModelManifest.chunkBytes]))
                start += ModelManifest.chunkBytes
            }
            rest.removeFirst(start)
            kind = .merkle(chunks, rest)
        case .none: break
        }
    }

    func matches() -> Bool {
        switch kind {
        case .sha256(let hash): hexadecimal(hash.finalize()) == tag
        case .gitBlob(let hash): hexadecimal(hash.finalize()) == tag
        case .merkle(let chunks, let rest):
            FileTag.merklePrefix + MerkleTree.root(chunks + (rest.isEmpty ? [] : [MerkleTree.leaf(rest)])).digits == tag
        case .none: true
        }
    }
}
