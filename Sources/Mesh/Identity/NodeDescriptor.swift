/// What a node says about itself. Others believe it only as it comes out of ``SignedDescriptor/verified()``.
public struct NodeDescriptor: Sendable, Equatable {
    /// The id that belongs to ``publicKey``.
    public var id: String
    /// The 32 bytes of an Ed25519 key.
    public var publicKey: [UInt8]
    /// What people call the node: 1 to 128 bytes, not unique.
    public var name: String
    /// IP addresses at which it may be reached, 16 at most; a claim, to be checked before any is dialled.
    public var addresses: [String]
    /// The port of its API.
    public var port: Int
    /// Its program's version, 64 bytes at most.
    public var version: String
    /// Its system and processor, 64 bytes at most.
    public var platform: String
    /// What it computes with: 16 at most, of 128 bytes each.
    public var devices: [String]
    /// The models that it can hand out, 256 at most.
    public var models: [ModelEntry]
    /// Rises with every descriptor of the node, from 1 to 2^53. The order of two descriptors is that of their sequences:
    /// clocks may differ.
    public var sequence: Int

    /// A descriptor of those parts; bounds are checked when it is signed.
    public init(
        id: String, publicKey: [UInt8], name: String, addresses: [String], port: Int, version: String, platform: String,
        devices: [String], models: [ModelEntry], sequence: Int
    ) {
        self.id = id
        self.publicKey = publicKey
        self.name = name
        self.addresses = addresses
        self.port = port
        self.version = version
        self.platform = platform
        self.devices = devices
        self.models = models
        self.sequence = sequence
    }
}

/// A model that a node can hand out.
public struct ModelEntry: Sendable, Hashable {
    /// Its name at that node, 1 to 200 bytes.
    public var id: String
    /// `sha256:` and 64 lower-case hexadecimal digits: what the model is, whatever its name.
    public var digest: String
    /// The size of its files together, 2^44 bytes at most.
    public var bytes: Int

    /// A model of those parts.
    public init(id: String, digest: String, bytes: Int) {
        self.id = id
        self.digest = digest
        self.bytes = bytes
    }
}

extension NodeDescriptor {
    /// The largest sequence: all integers up to there are exact in every reader of JSON.
    static let maximumSequence = 1 << 53
    /// The most addresses that a descriptor may have.
    static let maximumAddresses = 16
    /// The most models that a descriptor may have; the names of so many have to be short, or all are over 64 KiB.
    static let maximumModels = 256

    /// Holds every part against its bound.
    /// - Throws: ``MeshError/badDescriptor(reason:)`` with the name of the part that isn't within it.
    func checkBounds() throws(MeshError) {
        func require(_ holds: Bool, _ part: String) throws(MeshError) {
            guard holds else { throw .badDescriptor(reason: "\(part) isn't within its bounds") }
        }
        func isText(_ text: String, _ bytes: ClosedRange<Int>) -> Bool {
            bytes.contains(text.utf8.count) && !text.unicodeScalars.contains(where: \.isControl)
        }
        guard publicKey.count == 32, id == NodeIdentity.id(ofPublicKey: publicKey) else {
            throw .badDescriptor(reason: "its id doesn't belong to its key")
        }
        try require(isText(name, 1...128), "name")
        try require(
            addresses.count <= Self.maximumAddresses && addresses.allSatisfy { IPAddress($0) != nil }, "addresses")
        try require((1...65535).contains(port), "port")
        try require(isText(version, 0...64), "version")
        try require(isText(platform, 0...64), "platform")
        try require(devices.count <= 16 && devices.allSatisfy { isText($0, 0...128) }, "devices")
        try require(models.count <= Self.maximumModels, "models")
        for model in models {
            try require(isText(model.id, 1...200), "models: id")
            try require(model.hasWholeDigest, "models: digest")
            try require((0...(1 << 44)).contains(model.bytes), "models: bytes")
        }
        try require((1...Self.maximumSequence).contains(sequence), "sequence")
    }
}

extension ModelEntry {
    fileprivate var hasWholeDigest: Bool {
        let digits = digest.utf8.dropFirst("sha256:".utf8.count)
        return digest.utf8.starts(with: "sha256:".utf8) && digits.count == 64
            && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
