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
    /// Told how far a pull is.
    public typealias Progress = @Sendable (SwarmProgress) -> Void
    /// Told where the model grows, before the first chunk of it comes.
    public typealias Opened = @Sendable (IncomingModel) -> Void

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
        _ reference: PeerReference, as name: String? = nil, opened: @escaping Opened = { _ in },
        progress: @escaping Progress = { _ in }
    ) async throws -> StoredModel {
        let known = try await knownNodes()
        guard let named = known.first(where: { $0.id == reference.node || $0.name == reference.node }) else {
            throw MeshError.unknownPeer(reference.node)
        }
        let offer = try await client.offers(at: named.address)
        guard let digest = offer.whole.first(where: { $0.id == reference.model }).flatMap({ Digest($0.digest) }) else {
            throw MeshError.noSource("\(reference.model) on \(reference.node)")
        }
        let manifest = try await client.manifest(digest, at: named.address)
        return try await pull(manifest, as: name ?? reference.model, opened: opened, progress: progress)
    }

    /// Fetches a model from a hub, and at once from every node that has some of it under whatever name. The hub says what
    /// the right bytes are: where those of the nodes turn out to be others, all comes from the hub.
    /// - Throws: as the other one, and `HubError`.
    public func pull(
        _ reference: HubReference, from hub: Hub, as name: String? = nil, opened: @escaping Opened = { _ in },
        progress: @escaping Progress = { _ in }
    ) async throws -> StoredModel {
        let name = name ?? reference.modelName
        let model = try await hub.model(reference)
        for manifest in await manifests(resembling: model) {
            let ranges = HubRanges(hub: hub, model: model, manifest: manifest)
            let mirror = SwarmMirror { chunk, buffer in try await ranges.chunk(chunk, into: &buffer) }
            do {
                return try await pull(manifest, as: name, opened: opened, mirror: mirror, progress: progress) {
                    guard try $0.isSame(as: model) else { throw MeshError.otherModel(manifest.digest.text) }
                }
            } catch MeshError.otherModel {
            } catch MeshError.noSource {}
        }
        return try await store.pull(model, as: name, from: hub) {
            progress(SwarmProgress(bytes: $0.bytes, totalBytes: $0.totalBytes, sources: 1))
        }
    }

    /// Fetches the model of that digest from whoever has it.
    /// - Throws: as the other ones.
    func pull(_ digest: Digest, as name: String, progress: @escaping Progress) async throws -> StoredModel {
        for source in await sources(of: digest) {
            guard let manifest = try? await client.manifest(digest, at: source.address) else { continue }
            return try await pull(manifest, as: name, progress: progress)
        }
        throw MeshError.noSource(digest.text)
    }

    /// Fetches the model that some peer calls `name`.
    /// - Throws: as the other ones.
    func pull(named name: String, progress: @escaping Progress) async throws -> StoredModel {
        for node in try await knownNodes() {
            guard let offer = try? await client.offers(at: node.address),
                let digest = offer.whole.first(where: { $0.id == name }).flatMap({ Digest($0.digest) })
            else { continue }
            return try await pull(digest, as: name, progress: progress)
        }
        throw MeshError.noSource(name)
    }

    /// - Parameter check: looks at all bytes before they get their name; what it doesn't want is deleted.
    private func pull(
        _ manifest: ModelManifest, as name: String, opened: Opened = { _ in }, mirror: SwarmMirror? = nil,
        progress: @escaping Progress, check: @escaping @Sendable (IncomingModel) throws -> Void = { _ in }
    ) async throws -> StoredModel {
        if mirror == nil {
            // The same bytes under another name: nothing needs to come.
            let known = try await OffPool.run { [store] in
                try store.model(manifest.digest).map { try store.add(name, sameAs: $0) }
            }
            if let known { return known }
        }
        let incoming = try await OffPool.run { [store] in try IncomingModel(manifest, as: name, in: store) }
        defer { incoming.giveUp() }
        opened(incoming)
        let pull = SwarmPull(incoming, ownID: ownID, client: client, mirror: mirror) {
            await sources(of: manifest.digest)
        }
        do {
            try await pull.run(progress: progress)
            return try await OffPool.run {
                try check(incoming)
                return try incoming.publish()
            }
        } catch let error as MeshError {
            if case .otherModel = error { try await OffPool.run { incoming.discard() } }
            throw error
        }
    }

    /// What may be the model, to go by names and sizes: first what an earlier attempt has begun, then what nodes have.
    private func manifests(resembling model: HubModel) async -> [ModelManifest] {
        let begun = try? await OffPool.run { [store] in try store.partialModels() }
        var found = (begun ?? []).map(\.manifest).filter(model.resembles)
        let offers = await withTaskGroup(of: [(Digest, NodeAddress)].self) { group in
            for node in (try? await knownNodes()) ?? [] {
                group.addTask {
                    guard let offer = try? await client.offers(at: node.address) else { return [] }
                    return offer.digests(ofBytes: model.bytes).map { ($0, node.address) }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        for (digest, address) in offers where found.count < Self.mostTried {
            guard !found.contains(where: { $0.digest == digest }),
                let manifest = try? await client.manifest(digest, at: address), model.resembles(manifest)
            else { continue }
            found.append(manifest)
        }
        return found
    }

    /// How many models of the right size are tried before the hub is asked alone.
    private static let mostTried = 3

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
    /// The digests of those that come in, and their sizes.
    let arriving: [String: Int]

    func has(_ digest: Digest) -> Bool {
        arriving[digest.text] != nil || whole.contains { $0.digest == digest.text }
    }

    /// A few models of that size.
    func digests(ofBytes bytes: Int) -> [Digest] {
        let texts = whole.filter { $0.bytes == bytes }.map(\.digest) + arriving.filter { $0.value == bytes }.keys
        return texts.prefix(4).compactMap { Digest($0) }
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
            model -> (String, Int)? in
            guard let digest = model["digest"]?.string, let bytes = model["bytes"]?.integer else { return nil }
            return (digest, bytes)
        }
        return ModelOffer(whole: whole, arriving: Dictionary(arriving) { $1 })
    }
}
