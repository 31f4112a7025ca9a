import Crypto
import Foundation
import OrderedJSON

/// Half of an exchange between two nodes as it travels: what the membership says, and in the request a number that the
/// answer must sign, so that nobody can answer with a descriptor that he only copied.
struct HelloMessage: Sendable {
    let message: Membership<NodeRecord>.Message

    init(_ message: Membership<NodeRecord>.Message) { self.message = message }

    /// Reads what another node sent; what is too much of it is left unread.
    /// - Parameter known: the record that is held of a node already: it needn't be verified again.
    /// - Throws: ``MeshError/badDescriptor(reason:)`` for the sender's own; others' that can't be used are left out.
    init(_ json: JSONValue, rules: MembershipRules, known: (String) -> NodeRecord?) throws(MeshError) {
        let own = try Self.record(json["own"] ?? .null, known: known)
        let members = (json["members"]?.array ?? []).prefix(rules.memberLimit).compactMap { line -> MemberSummary? in
            guard let id = line["id"]?.string, NodeIdentity.isID(id), let sequence = line["sequence"]?.integer,
                (1...NodeDescriptor.maximumSequence).contains(sequence),
                let status = line["status"]?.string.flatMap(PeerStatus.init)
            else { return nil }
            return MemberSummary(id: id, sequence: sequence, status: status)
        }
        let records = (json["records"]?.array ?? []).prefix(rules.recordsPerMessage).compactMap {
            try? Self.record($0, known: known)
        }
        message = Membership.Message(own: own, members: members, records: records)
    }

    private static func record(_ json: JSONValue, known: (String) -> NodeRecord?) throws(MeshError) -> NodeRecord {
        let signed = try SignedDescriptor(json: json)
        if let id = json["id"]?.string, let held = known(id), held.signed == signed { return held }
        return try NodeRecord(signed)
    }

    /// The message as it travels.
    var json: JSONObject {
        func json(_ record: NodeRecord) -> JSONValue {
            guard var object = record.signed.json.object else { return .null }
            object["id"] = .string(record.id)
            return .object(object)
        }
        return [
            "own": json(message.own), "records": .array(message.records.map(json)),
            "members": .array(
                message.members.map { member in
                    [
                        "id": .string(member.id), "sequence": .integer(member.sequence),
                        "status": .string(member.status.rawValue),
                    ]
                }),
        ]
    }
}

/// A number that the other side must sign to show that it has its key now.
struct Challenge: Sendable {
    /// 32 hexadecimal digits.
    let nonce: String

    init() {
        nonce = SymmetricKey(size: .bits128).withUnsafeBytes { key in
            unsafe key.map { String(format: "%02x", $0) }.joined()
        }
    }

    /// A number from outside; `nil` if it is none.
    init?(_ text: String) {
        guard NodeIdentity.isID(text) else { return nil }
        nonce = text
    }

    private var signed: [UInt8] { Array("hybrie challenge 1\n\(nonce)\n".utf8) }

    /// The answer of the node that owns `identity`.
    func proof(by identity: NodeIdentity) throws(MeshError) -> JSONValue {
        .string(Data(try identity.sign(signed)).base64EncodedString())
    }

    /// - Throws: ``MeshError/badDescriptor(reason:)`` if `proof` wasn't made by the node of that descriptor.
    func check(_ proof: JSONValue?, by descriptor: NodeDescriptor) throws(MeshError) {
        guard let text = proof?.string, text.utf8.count <= 128, let signature = Data(base64Encoded: text),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: descriptor.publicKey),
            key.isValidSignature(signature, for: signed)
        else { throw .badDescriptor(reason: "who answers can't show that he has the node's key") }
    }
}
