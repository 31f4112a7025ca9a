import Foundation
import Mesh
import OrderedJSON
import Testing

@Suite struct NodeDescriptorTests {
    static func identity(_ number: UInt8) throws -> NodeIdentity {
        try NodeIdentity(privateKey: [UInt8](repeating: number, count: 32))
    }

    static func descriptor(_ identity: NodeIdentity, sequence: Int = 1) -> NodeDescriptor {
        NodeDescriptor(
            id: identity.id, publicKey: identity.publicKey, name: "kitchen",
            addresses: ["100.64.0.2", "fd7a:115c:a1e0::2"],
            port: 8080, version: "1.2", platform: "linux x86_64", devices: ["CPU, 16 cores"],
            models: [ModelEntry(id: "qwen", digest: "sha256:" + String(repeating: "a", count: 64), bytes: 1 << 44)],
            sequence: sequence)
    }

    /// Signs any text at all, as a hostile node would.
    private static func sign(_ payload: [UInt8], by identity: NodeIdentity) throws -> SignedDescriptor {
        SignedDescriptor(
            payload: payload, signature: try identity.sign(Array("hybrie node descriptor 1\n".utf8) + payload))
    }

    private static func expectRefused(_ signed: SignedDescriptor, _ comment: Comment? = nil) {
        let error = #expect(throws: MeshError.self, comment) { try signed.verified() }
        #expect({ if case .badDescriptor = error { true } else { false } }(), comment)
    }

    @Test func `what was signed is what is read`() throws {
        let identity = try Self.identity(1)
        let signed = try SignedDescriptor(signing: Self.descriptor(identity), by: identity)
        let arrived = try SignedDescriptor(json: JSONValue(parsing: signed.json.serializedBytes))
        #expect(arrived == signed)
        #expect(try arrived.verified() == Self.descriptor(identity))
        #expect(try Self.sign(signed.payload, by: identity).verified().name == "kitchen")
    }

    @Test func `no time stands in a descriptor`() throws {
        let identity = try Self.identity(1)
        let signed = try SignedDescriptor(signing: Self.descriptor(identity), by: identity)
        #expect(
            try JSONValue(parsing: signed.payload).object?.keys == [
                "id", "public_key", "name", "addresses", "port", "version", "platform", "devices", "models", "sequence",
            ])
    }

    @Test func `one bit changed anywhere is noticed`() throws {
        let identity = try Self.identity(1)
        let signed = try SignedDescriptor(signing: Self.descriptor(identity), by: identity)
        for place in signed.payload.indices {
            var payload = signed.payload
            payload[place] ^= 1 << UInt8(place % 8)
            Self.expectRefused(SignedDescriptor(payload: payload, signature: signed.signature), "payload byte \(place)")
        }
        for place in signed.signature.indices {
            for bit in 0..<8 {
                var signature = signed.signature
                signature[place] ^= 1 << UInt8(bit)
                Self.expectRefused(SignedDescriptor(payload: signed.payload, signature: signature), "byte \(place)")
            }
        }
    }

    @Test func `every cut is noticed`() throws {
        let identity = try Self.identity(1)
        let signed = try SignedDescriptor(signing: Self.descriptor(identity), by: identity)
        for count in signed.payload.indices {
            Self.expectRefused(try Self.sign(Array(signed.payload[..<count]), by: identity), "payload of \(count)")
        }
        for signature in [[], Array(signed.signature.dropLast()), signed.signature + [0]] {
            Self.expectRefused(SignedDescriptor(payload: signed.payload, signature: signature))
        }
    }

    @Test func `a foreign key can't take a known id`() throws {
        let (known, thief) = (try Self.identity(1), try Self.identity(2))
        var squatting = Self.descriptor(thief)
        squatting.id = known.id
        let payload = squatting.json.serializedBytes
        Self.expectRefused(try Self.sign(payload, by: thief), "its own key under a known id")
        Self.expectRefused(
            try Self.sign(Self.descriptor(known).json.serializedBytes, by: thief), "the known key, foreign hand")
        #expect(throws: MeshError.self) { try SignedDescriptor(signing: Self.descriptor(known), by: thief) }
        #expect(throws: MeshError.self) { try SignedDescriptor(signing: squatting, by: thief) }
    }

    @Test func `a signature made for another use of the key doesn't count`() throws {
        let identity = try Self.identity(1)
        let payload = Self.descriptor(identity).json.serializedBytes
        Self.expectRefused(SignedDescriptor(payload: payload, signature: try identity.sign(payload)))
    }

    @Test func `every part has its bound`() throws {
        let identity = try Self.identity(1)
        let long = String(repeating: "x", count: 129)
        let digits = String(repeating: "a", count: 64)
        let model: JSONValue = ["id": "m", "digest": .string("sha256:" + digits), "bytes": 1]
        func models(_ key: String, _ value: JSONValue) -> JSONValue {
            var changed = model.object ?? [:]
            changed[key] = value
            return [.object(changed)]
        }
        let wrong: [(String, JSONValue)] = [
            ("id", "x"), ("id", 1), ("id", .string(identity.id.uppercased())), ("public_key", "AAAA"),
            ("public_key", "?"),
            ("public_key", .null), ("name", ""), ("name", .string(long)), ("name", "a\nb"), ("name", "a\u{7f}"),
            ("name", "a\u{2028}b"), ("name", "\u{0}"), ("name", 1), ("addresses", "100.64.0.1"), ("addresses", [1]),
            ("addresses", ["host"]), ("addresses", ["2130706433"]), ("addresses", ["100.64.0.1:80"]),
            ("addresses", .array(Array(repeating: "100.64.0.1", count: 17))), ("port", 0), ("port", 65536),
            ("port", -1),
            ("port", "80"), ("port", 80.5), ("port", 1e300), ("version", .string(long)), ("version", "\u{1b}"),
            ("platform", .string(String(repeating: "x", count: 65))),
            ("devices", .array(Array(repeating: "d", count: 17))),
            ("devices", [.string(long)]), ("devices", [.null]), ("devices", .null), ("models", .object([:])),
            ("models", .array(Array(repeating: model, count: 257))), ("models", [.null]),
            ("models", models("id", "")), ("models", models("id", .string(long + long))),
            ("models", models("id", "a\t")),
            ("models", models("digest", .string("sha256:" + digits.dropLast()))),
            ("models", models("digest", .string("sha256:" + digits + "a"))),
            ("models", models("digest", .string("sha256:" + digits.uppercased()))),
            ("models", models("digest", .string("sha512:" + digits))), ("models", models("digest", "../")),
            ("models", models("bytes", -1)), ("models", models("bytes", .integer(1 << 44 + 1))),
            ("models", models("bytes", 1e19)), ("models", models("bytes", "1")), ("sequence", 0), ("sequence", -1),
            ("sequence", .integer(1 << 53 + 1)), ("sequence", .integer(.max)), ("sequence", 1e19), ("sequence", .null),
        ]
        let whole = try #require(try JSONValue(parsing: Self.descriptor(identity).json.serializedBytes).object)
        for (key, value) in wrong {
            var changed = whole
            changed[key] = value
            let payload = JSONValue.object(changed).serializedBytes
            Self.expectRefused(try Self.sign(payload, by: identity), "\(key): \(value.serialized.prefix(80))")
        }
        for key in whole.keys {
            var changed = whole
            changed[key] = nil
            Self.expectRefused(try Self.sign(JSONValue.object(changed).serializedBytes, by: identity), "no \(key)")
        }
        var more = whole
        more["later"] = [1, 2]
        #expect(throws: Never.self) { try Self.sign(JSONValue.object(more).serializedBytes, by: identity).verified() }
    }

    @Test func `parts at their bounds pass`() throws {
        let identity = try Self.identity(1)
        var descriptor = Self.descriptor(identity, sequence: 1 << 53)
        descriptor.name = String(repeating: "é", count: 64)
        descriptor.addresses = Array(repeating: "100.64.0.1", count: 16)
        descriptor.port = 65535
        descriptor.version = ""
        descriptor.platform = String(repeating: "p", count: 64)
        descriptor.devices = Array(repeating: String(repeating: "d", count: 128), count: 16)
        let digest = "sha256:" + String(repeating: "0", count: 64)
        descriptor.models = (0..<256).map { ModelEntry(id: "model \($0)", digest: digest, bytes: 0) }
        descriptor.models[0].id = String(repeating: "m", count: 200)
        #expect(try SignedDescriptor(signing: descriptor, by: identity).verified() == descriptor)
        for index in 0..<256 { descriptor.models[index].id = String(repeating: "m", count: 200) }
        #expect(throws: MeshError.self, "more than 64 KiB in all") {
            try SignedDescriptor(signing: descriptor, by: identity)
        }
    }

    @Test func `more than 64 KiB are refused before they are read`() throws {
        let identity = try Self.identity(1)
        let padding = [UInt8](repeating: 32, count: 64 << 10)
        let payload = Self.descriptor(identity).json.serializedBytes
        Self.expectRefused(try Self.sign(payload + padding, by: identity))
        let room = (64 << 10) - payload.count
        #expect(throws: Never.self) { try Self.sign(payload + padding[..<room], by: identity).verified() }
        let json: JSONValue = ["payload": .string(String(repeating: "A", count: 1 << 20)), "signature": "AAAA"]
        #expect(throws: MeshError.self) { try SignedDescriptor(json: json) }
    }

    @Test(arguments: [
        "null", "[]", "{}", #"{"payload":"AAAA"}"#, #"{"signature":"AAAA"}"#, #"{"payload":1,"signature":"AAAA"}"#,
        #"{"payload":"A","signature":"AAAA"}"#, #"{"payload":"AAAA","signature":"A-_="}"#,
    ])
    func `what is no signed descriptor is refused`(text: String) throws {
        #expect(throws: MeshError.self) { try SignedDescriptor(json: JSONValue(parsing: text)) }
    }

    @Test func `payloads that are no object are refused`() throws {
        let identity = try Self.identity(1)
        for text in ["", "null", "[]", "{}", "1", "{\"id\":1,\"id\":2}", String(repeating: "[", count: 60_000)] {
            Self.expectRefused(try Self.sign(Array(text.utf8), by: identity), "\(text.prefix(20))")
        }
    }
}
