import Crypto
import Foundation
import ModelStore

/// Who this node is: an Ed25519 key (RFC 8032) that is made at the first start and kept in the home.
public struct NodeIdentity: Sendable {
    private let key: Curve25519.Signing.PrivateKey
    /// The 32 bytes of the public key.
    public let publicKey: [UInt8]
    /// 32 hexadecimal digits that belong to the public key; see ``id(ofPublicKey:)``.
    public let id: String

    /// The identity of a private key.
    /// - Throws: ``MeshError/damagedKey(reason:)`` unless there are 32 bytes.
    package init(privateKey: [UInt8]) throws(MeshError) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: privateKey) else {
            throw .damagedKey(reason: "a private key has 32 bytes, not \(privateKey.count)")
        }
        self.init(key)
    }

    private init(_ key: Curve25519.Signing.PrivateKey) {
        self.key = key
        publicKey = Array(key.publicKey.rawRepresentation)
        id = Self.id(ofPublicKey: publicKey)
    }

    /// The first 32 hexadecimal digits of the SHA-256 of a public key's bytes.
    public static func id(ofPublicKey publicKey: [UInt8]) -> String {
        hexadecimal(SHA256.hash(data: publicKey).prefix(16))
    }

    /// Whether `text` could be an id: 32 lower-case hexadecimal digits.
    package static func isID(_ text: String) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// The 64 bytes of the signature of `message`.
    public func sign(_ message: [UInt8]) throws(MeshError) -> [UInt8] {
        do { return Array(try key.signature(for: message)) } catch {
            throw .damagedKey(reason: "it can't sign (\(error)); restart the node")
        }
    }
}

extension NodeIdentity: CustomStringConvertible, CustomReflectable {
    /// The id alone: the private key is never shown.
    public var description: String { "node \(id)" }
    /// The id alone.
    public var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}

extension NodeIdentity {
    /// The home's identity, made if there is none yet. Of processes that start at once, one makes it and all have it.
    ///
    /// - Parameter home: the home folder; it is made if need be.
    /// - Throws: ``MeshError/damagedKey(reason:)`` if `node_key` is there but is cut, changed or open to others: a new key
    ///   in its place would be another node, which nobody asked for. ``MeshError/storage(reason:)`` if it can't be made.
    public static func load(home: String) throws(MeshError) -> NodeIdentity {
        let path = "\(home)/node_key"
        if let stored = try read(path) { return stored }
        do { try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true) } catch {
            throw .storage(reason: "the home folder can't be made")
        }
        try publish(NodeIdentity(Curve25519.Signing.PrivateKey()), at: path, home: home)
        guard let stored = try read(path) else { throw .storage(reason: "'node_key' went as soon as it was made") }
        return stored
    }

    /// `ed25519`, the private key, and the id, by which a changed key is noticed: any 32 bytes are a key.
    private var fileText: String { "ed25519 \(key.rawRepresentation.base64EncodedString()) \(id)\n" }

    /// The identity in the file at `path`; `nil` if there is no file.
    private static func read(_ path: String) throws(MeshError) -> NodeIdentity? {
        func damaged(_ what: String) -> MeshError {
            .damagedKey(
                reason: "'node_key' in the home \(what); put a copy of it back, or delete it to begin as a new node")
        }
        // Without O_NONBLOCK a pipe of that name would hold the start up.
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw damaged("can't be opened (\(reason(errno)))")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw damaged("is no file") }
        guard status.st_mode & 0o077 == 0 else {
            throw .damagedKey(
                reason: "others than its owner may read or write 'node_key' in the home; if nobody did, close it with "
                    + "'chmod 600', else delete it to begin as a new node")
        }
        guard let content = try? file.read(upToCount: 256) else { throw damaged("can't be read") }
        let words = String(decoding: content, as: UTF8.self).split(separator: " ")
        guard !words.isEmpty else { throw damaged("is empty") }
        guard words.count == 3, let bytes = Data(base64Encoded: String(words[1])), bytes.count == 32,
            let identity = try? NodeIdentity(privateKey: Array(bytes)), content == Data(identity.fileText.utf8)
        else { throw damaged("isn't as it was written") }
        return identity
    }

    /// Writes `identity` so that the file of that name is there whole or not at all, and none is replaced.
    private static func publish(_ identity: NodeIdentity, at path: String, home: String) throws(MeshError) {
        let staged = "\(path).\(UUID().uuidString)"
        let descriptor = open(staged, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .storage(reason: "'node_key' can't be made: \(reason(errno))") }
        defer { unlink(staged) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try file.write(contentsOf: Data(identity.fileText.utf8))
            try file.synchronize()
        } catch { throw .storage(reason: "'node_key' can't be written: \(error.localizedDescription)") }
        // A link, unlike a rename, never takes the place of what another process has made meanwhile.
        guard link(staged, path) == 0 || errno == EEXIST else {
            throw .storage(reason: "'node_key' can't be made: \(reason(errno))")
        }
        let folder = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .storage(reason: "the home folder can't be opened: \(reason(errno))") }
        defer { close(folder) }
        guard fsync(folder) == 0 else {
            throw .storage(reason: "the home folder can't be written through to the disk: \(reason(errno))")
        }
    }

    private static func reason(_ code: Int32) -> String { "\(String(cString: strerror(code))) (error \(code))" }
}
