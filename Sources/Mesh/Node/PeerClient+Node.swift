import ModelStore
import OrderedJSON

extension PeerClient {
    /// The descriptor of the node at an address, which has shown that it has the key.
    package func descriptor(at address: NodeAddress) async throws -> NodeRecord {
        let challenge = Challenge()
        let answer = try await ask(address, "GET", "/v1/peers/self?nonce=\(challenge.nonce)")
        let record = try NodeRecord(SignedDescriptor(json: answer))
        try challenge.check(answer["proof"], by: record.descriptor)
        return record
    }

    /// Exchanges what both nodes know of the mesh.
    func hello(
        _ message: Membership<NodeRecord>.Message, to peer: NodeRecord, at address: NodeAddress, within limit: Duration,
        rules: MembershipRules, known: @escaping @Sendable (String) -> NodeRecord?
    ) async throws -> Membership<NodeRecord>.Message {
        let challenge = Challenge()
        var body = HelloMessage(message).json
        body["nonce"] = .string(challenge.nonce)
        let answer = try await ask(
            address, "POST", "/v1/peers/hello", .object(body), bytes: Self.helloBytes, within: limit)
        let hello = try HelloMessage(answer, rules: rules, known: known)
        guard hello.message.own.id == peer.id else {
            throw MeshError.badAnswer(from: address.text, reason: "another node answers there")
        }
        try challenge.check(answer["proof"], by: hello.message.own.descriptor)
        return hello.message
    }

    /// 17 descriptors of the largest size and a list of members.
    private static var helloBytes: Int { 2 << 20 }

    /// Asks a node to look whether another one lives.
    func asksToProbe(_ target: String, at helper: NodeAddress, within limit: Duration) async -> Bool {
        let answer = try? await ask(helper, "POST", "/v1/peers/\(target)/probe", within: limit)
        return answer?["reached"]?.bool ?? false
    }

    /// Asks a node to take a model.
    func asksToTake(_ digest: Digest, as name: String, at address: NodeAddress) async throws -> String {
        let answer = try await ask(
            address, "POST", "/v1/peers/models", ["digest": .string(digest.text), "name": .string(name)])
        return answer["state"]?.string ?? ""
    }
}
