import Foundation
public import Logging
public import ModelStore
public import OrderedJSON
import Synchronization

/// This node among the others: whom it knows, who of them lives, what it says of itself.
///
/// The rules stand in ``Membership``; this carries them out over HTTP, and keeps what shall outlast the process in
/// ``PeerRegistry``.
public actor MeshNode {
    /// What the node says of itself, and how it behaves.
    public struct Options: Sendable {
        /// What people call it.
        public var name: String
        /// Version of the program.
        public var version: String
        /// Operating system and processor.
        public var platform: String
        /// What it computes on.
        public var devices: [String]
        /// Where others reach it, but for what Tailscale says.
        public var addresses: [IPAddress]
        /// The networks that it may dial.
        public var networks: MeshNetworks
        /// The port of addresses that name none.
        public var defaultPort = 8080

        /// Options of a node.
        public init(
            name: String, version: String, platform: String, devices: [String], addresses: [IPAddress],
            networks: MeshNetworks
        ) {
            self.name = name
            self.version = version
            self.platform = platform
            self.devices = devices
            self.addresses = addresses
            self.networks = networks
        }
    }

    /// What is known of a peer besides the membership's own.
    struct Notes {
        var address: NodeAddress?
        var source: StoredSource
        var firstSeen: Date
        var lastSeen: Date?
        var roundTrip: Duration?
        var error: String?
    }

    /// What it passes on.
    public nonisolated let shared: SharedModels
    /// What went to peers and came from them.
    public nonisolated let traffic = MeshTraffic()
    /// Its id.
    public nonisolated var id: String { identity.id }

    let identity: NodeIdentity
    let registry: PeerRegistry
    private let lock: HomeLock
    let client: PeerClient
    let tailscale: Tailscale?
    let options: Options
    let logger: Logger
    let started = ContinuousClock.now
    let firstStart = Date()
    let wake: AsyncStream<Void>.Continuation
    let wakes: AsyncStream<Void>
    var membership: Membership<NodeRecord>
    var notes: [String: Notes] = [:]
    var port: Int
    var tailnetAddresses: [IPAddress] = []
    /// What takes models that peers ask this node to take.
    var wanted: WantedModels?
    /// Addresses of the tailnet where no node answered, and when they were asked.
    var silent: [NodeAddress: Duration] = [:]

    /// A node that knows whom it knew before.
    /// - Parameters:
    ///   - lock: shows that no other process is this node.
    ///   - transport: the way to other nodes, which keeps the policy.
    ///   - port: where it listens, as far as that is known; ``run(port:)`` says it again.
    /// - Throws: ``MeshError``.
    public init(
        identity: NodeIdentity, lock: HomeLock, registry: PeerRegistry, transport: any Transport, secret: MeshSecret?,
        shared: SharedModels, tailscale: Tailscale?, options: Options, port: Int, logger: Logger
    ) async throws {
        (self.identity, self.lock, self.registry, self.shared) = (identity, lock, registry, shared)
        (self.tailscale, self.options, self.port, self.logger) = (tailscale, options, max(1, port), logger)
        client = PeerClient(ownID: identity.id, transport: transport, secret: secret)
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        var own = options.descriptor(identity, port: max(1, port), tailnet: [], models: [])
        own.sequence = try await registry.takeSequence(atLeast: 1)
        membership = Membership(
            own: try NodeRecord(SignedDescriptor(signing: own, by: identity)), seed: .random(in: 0...(.max)), at: .zero)
        for id in try await registry.removed() { membership.remove(id, at: .zero) }
        for stored in try await registry.peers() {
            guard let record = try? NodeRecord(stored.descriptor) else { continue }
            notes[record.id] = Notes(
                address: stored.address.flatMap { try? NodeAddress($0, defaultPort: options.defaultPort) },
                source: stored.source, firstSeen: stored.firstSeen, lastSeen: stored.lastSeen)
            membership.add(record, source: stored.source == .registered ? .registered : .found, at: .zero)
        }
    }

    var now: Duration { started.duration(to: .now) }

    /// This node as its peers see it.
    public var ownPeer: Peer {
        Peer(
            descriptor: membership.own.descriptor, status: .online, source: nil, firstSeen: firstStart,
            lastSeen: Date(), roundTrip: nil, error: nil)
    }

    /// All that are known, but for those that others have only spoken of.
    public var peers: [Peer] {
        membership.roster.compactMap { id in
            guard let record = membership.record(of: id), let state = membership.peer(id), !state.isGuest,
                let notes = notes[id]
            else { return nil }
            let status: Peer.Status =
                switch state.status {
                case .online: .online
                case .suspect: .suspect
                case .offline, .unverified: .offline
                }
            return Peer(
                descriptor: record.descriptor, status: status, source: notes.source,
                firstSeen: notes.firstSeen, lastSeen: notes.lastSeen, roundTrip: notes.roundTrip,
                error: status == .online ? nil : notes.error)
        }
    }

    /// The descriptor that others may check and pass on.
    public func descriptor(challenge: String?) throws -> JSONObject {
        guard var object = membership.own.signed.json.object else { return [:] }
        if let challenge = challenge.flatMap(Challenge.init) { object["proof"] = try challenge.proof(by: identity) }
        return object
    }

    /// Dials a node, checks its descriptor, and knows it from now on.
    /// - Parameter text: its address, with a port if it isn't the usual one.
    /// - Throws: ``MeshError``; nothing is stored then.
    public func register(_ text: String) async throws -> Peer {
        let address = try options.networks.check(text, defaultPort: options.defaultPort)
        return try await meet(address, source: .registered)
    }

    /// Knows from now on the node that answers at `address`.
    func meet(_ address: NodeAddress, source: StoredSource) async throws -> Peer {
        let asked = ContinuousClock.now
        let record = try await client.descriptor(at: address)
        let roundTrip = asked.duration(to: .now)
        guard record.id != id else {
            throw MeshError.badAddress(address.text, reason: "it is this node's own")
        }
        if let known = membership.record(of: record.id), record.sequence < known.sequence {
            throw MeshError.badDescriptor(reason: "it is older than the one that is known")
        }
        let time = now
        guard membership.add(record, source: source == .registered ? .registered : .found, at: time),
            membership.exchanged(record.id, at: time)
        else { throw MeshError.storage(reason: "there is no room for another peer; remove one") }
        noteAnswer(of: record, at: address, roundTrip, source: source)
        try await save(record.id)
        wake.yield()
        guard let peer = peers.first(where: { $0.descriptor.id == record.id }) else {
            throw MeshError.unknownPeer(record.id)
        }
        return peer
    }

    /// Forgets a peer; it stays away until it is registered again.
    /// - Throws: ``MeshError/unknownPeer(_:)``.
    public func remove(_ id: String) async throws {
        guard membership.peer(id) != nil else { throw MeshError.unknownPeer(id) }
        membership.remove(id, at: now)
        notes[id] = nil
        try await registry.remove(id, isByHand: true)
        wake.yield()
    }

    /// Answers another node's half of an exchange.
    /// - Throws: ``MeshError/badDescriptor(reason:)``.
    public func answer(_ json: JSONValue) throws -> JSONValue {
        let hello = try HelloMessage(json, rules: membership.rules) { membership.record(of: $0) }
        let message = membership.receive(hello.message, at: now)
        wake.yield()
        var object = HelloMessage(message).json
        if let challenge = json["nonce"]?.string.flatMap(Challenge.init) {
            object["proof"] = try challenge.proof(by: identity)
        }
        return .object(object)
    }

    /// Asks a peer whether it lives, for another node that can't reach it.
    public func probe(_ id: String) async -> Bool {
        switch membership.help(id, at: now) {
        case .reached: return true
        case .refused: return false
        case .probe(let probe): return await send(probe)
        }
    }
}

extension MeshNode.Options {
    func descriptor(_ identity: NodeIdentity, port: Int, tailnet: [IPAddress], models: [ModelEntry]) -> NodeDescriptor {
        var reachable: [IPAddress] = []
        for address in tailnet + addresses where networks.permits(address) && !reachable.contains(address) {
            reachable.append(address)
        }
        // As many as a descriptor of the permitted length has room for; /v1/peers/models lists all.
        var room = SignedDescriptor.maximumPayloadBytes - (8 << 10)
        let listed = models.prefix(NodeDescriptor.maximumModels).prefix { model in
            room -= model.id.utf8.count + 140
            return room > 0
        }
        return NodeDescriptor(
            id: identity.id, publicKey: identity.publicKey, name: name,
            addresses: reachable.prefix(NodeDescriptor.maximumAddresses).map(\.text), port: port, version: version,
            platform: platform, devices: devices, models: Array(listed),
            sequence: 1)
    }
}
