import Crypto
import Foundation

/// The digest that a file's entity tag names.
struct FileDigest {
    private enum Kind {
        case sha256(SHA256)
        case gitBlob(Insecure.SHA1)
        /// The tag is no digest: the size is all that can be checked.
        case none
    }
    private let tag: String
    private var kind: Kind

    init(_ file: Hub.RemoteFile) {
        tag = file.tag
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

    mutating func update(_ bytes: [UInt8]) {
        switch kind {
        case .sha256(var hash):
            hash.update(data: bytes)
            kind = .sha256(hash)
        case .gitBlob(var hash):
            hash.update(data: bytes)
            kind = .gitBlob(hash)
        case .none: break
        }
    }

    func matches() -> Bool {
        func text(_ digest: some Sequence<UInt8>) -> String { digest.map { String(format: "%02x", $0) }.joined() }
        return switch kind {
        case .sha256(let hash): text(hash.finalize()) == tag
        case .gitBlob(let hash): text(hash.finalize()) == tag
        case .none: true
        }
    }
}
