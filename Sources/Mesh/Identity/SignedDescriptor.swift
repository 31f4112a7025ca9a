import Crypto
import Foundation
public import OrderedJSON

/// A descriptor as it goes from node to node: the very bytes that were signed, so that no re-encoding can break the
/// signature or give it another meaning.
public struct SignedDescriptor: Sendable, Hashable {
    /// A JSON text, 64 KiB at most.
    public let payload: [UInt8]
    /// Of ``payload`` behind a prefix that no other use of the key has: 64 bytes, Ed25519.
    public let signature: [UInt8]

    /// Both parts as they came; nothing is believed before ``verified()``.
    public init(payload: [UInt8], signature: [UInt8]) {
        self.payload = payload
        self.signature = signature
    }

    static let maximumPayloadBytes = 64 << 10
    private static let prefix = Array("hybrie node descriptor 1\n".utf8)

    /// Signs what a node says about itself.
    /// - Throws: ``MeshError/badDescriptor(reason:)`` if others wouldn't accept it: a part beyond its bound, a foreign id,
    ///   more than 64 KiB.
    public init(signing descriptor: NodeDescriptor, by identity: NodeIdentity) throws(MeshError) {
        try descriptor.checkBounds()
        guard descriptor.id == identity.id else { throw .badDescriptor(reason: "its id is another node's") }
        payload = descriptor.json.serializedBytes
        guard payload.count <= Self.maximumPayloadBytes else {
            throw .badDescriptor(reason: "it has \(payload.count) bytes, more than \(Self.maximumPayloadBytes)")
        }
        signature = try identity.sign(Self.prefix + payload)
    }

    /// Reads the form that ``json`` has.
    /// - Throws: ``MeshError/badDescriptor(reason:)``.
    public init(json: JSONValue) throws(MeshError) {
        payload = try Self.bytes(json, "payload", atMost: Self.maximumPayloadBytes)
        signature = try Self.bytes(json, "signature", atMost: 64)
    }

    private static func bytes(_ json: JSONValue, _ name: String, atMost limit: Int) throws(MeshError) -> [UInt8] {
        guard let text = json[name]?.string, text.utf8.count <= (limit + 2) / 3 * 4,
            let data = Data(base64Encoded: text)
        else { throw .badDescriptor(reason: "'\(name)' isn't base64 of at most \(limit) bytes") }
        return Array(data)
    }

    /// `{"payload": base64, "signature": base64}`.
    public var json: JSONValue {
        [
            "payload": .string(Data(payload).base64EncodedString()),
            "signature": .string(Data(signature).base64EncodedString()),
        ]
    }

    /// The descriptor, if its own key signed it and all of it is within bounds.
    ///
    /// That says who wrote it, not that it is true or the latest: addresses have to be dialled, sequences compared.
    /// - Throws: ``MeshError/badDescriptor(reason:)``.
    public func verified() throws(MeshError) -> NodeDescriptor {
        guard payload.count <= Self.maximumPayloadBytes else {
            throw .badDescriptor(reason: "it has more than \(Self.maximumPayloadBytes) bytes")
        }
        let json: JSONValue
        let limits = JSONLimits(bytes: Self.maximumPayloadBytes, depth: 8, values: 4096, keys: 2048)
        do { json = try JSONValue(parsing: payload, limits: limits) } catch {
            throw .badDescriptor(reason: error.description)
        }
        let descriptor = try NodeDescriptor(json)
        guard signature.count == 64,
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: descriptor.publicKey),
            key.isValidSignature(signature, for: Self.prefix + payload)
        else { throw .badDescriptor(reason: "its signature isn't that of its key") }
        try descriptor.checkBounds()
        return descriptor
    }
}

extension NodeDescriptor {
    /// What is signed.
    package var json: JSONValue {
        [
            "id": .string(id),
            "public_key": .string(Data(publicKey).base64EncodedString()),
            "name": .string(name),
            "addresses": .array(addresses.map { .string($0) }),
            "port": .integer(port),
            "version": .string(version),
            "platform": .string(platform),
            "devices": .array(devices.map { .string($0) }),
            "models": .array(
                models.map { ["id": .string($0.id), "digest": .string($0.digest), "bytes": .integer($0.bytes)] }),
            "sequence": .integer(sequence),
        ]
    }

    /// Reads the types; the bounds are another step. Members that a later version may have are passed over.
    fileprivate init(_ json: JSONValue) throws(MeshError) {
        func string(_ object: JSONValue, _ name: String) throws(MeshError) -> String {
            guard let text = object[name]?.string else { throw .badDescriptor(reason: "'\(name)' is no string") }
            return text
        }
        func integer(_ object: JSONValue, _ name: String) throws(MeshError) -> Int {
            guard let value = object[name]?.integer else {
                throw .badDescriptor(reason: "'\(name)' is no whole number")
            }
            return value
        }
        func list(_ name: String) throws(MeshError) -> [JSONValue] {
            guard let list = json[name]?.array else { throw .badDescriptor(reason: "'\(name)' is no list") }
            return list
        }
        func strings(_ name: String) throws(MeshError) -> [String] {
            let values = try list(name)
            let texts = values.compactMap(\.string)
            guard texts.count == values.count else {
                throw .badDescriptor(reason: "'\(name)' holds what is no string")
            }
            return texts
        }
        guard let key = Data(base64Encoded: try string(json, "public_key")) else {
            throw .badDescriptor(reason: "'public_key' isn't base64")
        }
        var models: [ModelEntry] = []
        for model in try list("models") {
            models.append(
                ModelEntry(
                    id: try string(model, "id"), digest: try string(model, "digest"), bytes: try integer(model, "bytes")
                ))
        }
        self.init(
            id: try string(json, "id"), publicKey: Array(key), name: try string(json, "name"),
            addresses: try strings("addresses"), port: try integer(json, "port"), version: try string(json, "version"),
            platform: try string(json, "platform"), devices: try strings("devices"), models: models,
            sequence: try integer(json, "sequence"))
    }
}
