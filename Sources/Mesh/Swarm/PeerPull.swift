public import ModelStore
import OrderedJSON

/// A model on other nodes: `peer://<node id or name>/<name>`.
public struct PeerReference: Sendable, Equatable {
    /// The id or the name of the node that names the model; others that have the same bytes send them too.
    public let node: String
    /// What that node calls it.
    public let model: String

    /// Reads a reference; `nil` if `text` is none.
    public init?(_ text: String) {
        let prefix = "peer://"
        guard text.hasPrefix(prefix), text.utf8.count <= 512 else { return nil }
        let parts = text.dropFirst(prefix.count).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        (node, model) = (String(parts[0]), String(parts[1]))
    }
}

/// Fetches models from other nodes into the store.
public struct PeerPull: Sendable {
    private let ownID: String
    private let registry: PeerRegistry
    private let client: PeerClient
    private let networks: MeshNetworks
    private let store: ModelStore

    /// Pulls into `store` from the nodes that `registry` knows, in any process of this home.
    public init(
        ownID: String, registry: PeerRegistry, transport: any Transport, secret: MeshSecret?, networks: MeshNetworks,
        store: ModelStore
    ) {
        (self.ownID, self.registry, self.networks, self.store) = (ownID, registry, networks, store)
        client = PeerClient(ownID: ownID, transport: transport, secret: secret)
    }

    /// Fetches a model from every node that has some of it.
    /// - Parameter name: what it will be called here; what the node calls it if none is given.
    /// - Throws: ``MeshError``, ``StoreError``, or what the transport throws; what has come stays for the next attempt.
    public func pull(
        _ reference: PeerReference, as name: String? = nil,
        progress: @escaping @Sendable (SwarmProgress) -> Void = { _ in }
    ) async throws -> StoredModel {
        let known = try await knownNodes()
        guard let named = known.first(where: { $0.id == reference.node || $0.name == reference.node }) else {
            throw MeshError.unknownPeer(reference.node)
        }
        let offer = try await client.offers(at: named.address)
        guard let model = offer.whole.first(where: { $0.id == reference.model }), let digest = Digest(model.digest)
        else {
            throw MeshError.noSource("\(reference.model) on \(reference.node)")
        }
        let manifest = try await client.manifest(digest, at: named.address)
        return try await pull(manifest, as: name ?? reference.model, progress: progress)
    }

    /// Fetches the model of that digest from whoever has it.
    /// - Throws: as the other one.
    func pull(
        _ digest: Digest, as name: String, progress: @escaping @Sendable (SwarmProgress) -> Void
    ) async throws -> StoredModel {
        for source in await sources(of: digest) {
            guard let manifest = try? await client.manifest(digest, at: source.address) else { continue }
            return try await pull(manifest, as: name, progress: progress)
        }
        throw MeshError.noSource(digest.text)
    }

    /// Fetches the model that some peer calls `name`.
    /// - Throws: as the other ones.
    func pull(named name: String, progress: @escaping @Sendable (SwarmProgress) -> Void) async throws -> StoredModel {
        for node in try await knownNodes() {
            guard let offer = try? await client.offers(at: node.address),
                let digest = offer.whole.first(where: { $0.id == name }).flatMap({ Digest($0.digest) })
            else { continue }
            return try await pull(digest, as: name, progress: progress)
        }
        throw MeshError.noSource(name)
    }

    private func pull(
        _ manifest: ModelManifest, as name: String, progress: @escaping @Sendable (SwarmProgress) -> Void
    ) async throws -> StoredModel {
        // The same bytes under another name: nothing needs to come.
        let known = try await OffPool.run { [store] in
            try store.model(manifest.digest).map { try store.add(name, sameAs: $0) }
        }
        if let known { return known }
        let incoming = try await OffPool.run { [store] in try IncomingModel(manifest, as: name, in: store) }
        let pull = SwarmPull(incoming, ownID: ownID, client: client) { await sources(of: manifest.digest) }
        try await pull.run(progress: progress)
        return try await OffPool.run { try incoming.publish() }
    }

    private struct Node: Sendable {
        let id: String
        let name: String
        let address: NodeAddress
    }

    /// The peers with the address where each answered last.
    private func knownNodes() async throws(MeshError) -> [Node] {
        var nodes: [Node] = []
        for peer in try await registry.peers() {
            guard let descriptor = try? peer.descriptor.verified(),
                let text = peer.address ?? descriptor.addresses.first,
                let address = try? networks.check(text, defaultPort: descriptor.port)
            else { continue }
            nodes.append(Node(id: descriptor.id, name: descriptor.name, address: address))
        }
        return nodes
    }

    /// The nodes that have all or some chunks of a model now.
    private func sources(of digest: Digest) async -> [SwarmSource] {
        let known = (try? await knownNodes()) ?? []
        return await withTaskGroup(of: SwarmSource?.self) { group in
            for node in known {
                group.addTask {
                    guard let offer = try? await client.offers(at: node.address), offer.has(digest) else { return nil }
                    return SwarmSource(id: node.id, address: node.address)
                }
            }
            return await group.reduce(into: []) { if let source = $1 { $0.append(source) } }
        }
    }
}

/// What a node passes on.
struct ModelOffer: Sendable {
    /// The models that it has whole.
    let whole: [ModelEntry]
    /// The digests of those that come in.
    let arriving: Set<String>

    func has(_ digest: Digest) -> Bool {
        arriving.contains(digest.text) || whole.contains { $0.digest == digest.text }
    }
}

extension PeerClient {
    /// Which models a node has, whole or in part.
    func offers(at address: NodeAddress) async throws -> ModelOffer {
        let answer = try await ask(address, "GET", "/v1/peers/models")
        let whole = (answer["models"]?.array ?? []).prefix(NodeDescriptor.maximumModels).compactMap {
            model -> ModelEntry? in
            guard let id = model["id"]?.string, let digest = model["digest"]?.string,
                let bytes = model["bytes"]?.integer
            else { return nil }
            return ModelEntry(id: id, digest: digest, bytes: bytes)
        }
        let arriving = (answer["arriving"]?.array ?? []).prefix(NodeDescriptor.maximumModels).compactMap {
            $0["digest"]?.string
        }
        return ModelOffer(whole: whole, arriving: Set(arriving))
    }
}
