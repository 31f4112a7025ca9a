public import Foundation
import GRDB

/// How a peer came to be known, weakest first.
public enum StoredSource: String, Sendable, Comparable, CaseIterable {
    /// Another node told of it.
    case gossip
    /// It is in the same tailnet.
    case tailscale
    /// Somebody asked for it.
    case registered

    private var rank: Int {
        switch self {
        case .gossip: 0
        case .tailscale: 1
        case .registered: 2
        }
    }

    /// Whether `right` counts for more.
    public static func < (left: StoredSource, right: StoredSource) -> Bool { left.rank < right.rank }
}

/// What is kept about a peer over restarts.
public struct StoredPeer: Sendable, Equatable {
    /// Its latest word about itself.
    public var descriptor: SignedDescriptor
    /// Where it answered, as ``NodeAddress/text`` spells it; `nil` if it was never reached.
    public var address: String?
    /// How it came to be known.
    public var source: StoredSource
    /// For people: the order of descriptors and the judgement of who is online don't come from clocks.
    public var firstSeen: Date
    /// When it answered last; `nil` if never.
    public var lastSeen: Date?

    /// A peer of those parts.
    public init(descriptor: SignedDescriptor, address: String?, source: StoredSource, firstSeen: Date, lastSeen: Date?)
    {
        self.descriptor = descriptor
        self.address = address
        self.source = source
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
    }
}

/// The peers that this node knows, kept in `mesh.sqlite` in the home. Several processes may have it open.
public final class PeerRegistry: Sendable {
    private let pool: DatabasePool
    /// Whether what was there couldn't be read: it was moved to `mesh.sqlite.damaged`, and the registry begins anew.
    public let wasRebuilt: Bool

    /// Whether a home has a registry.
    public static func exists(home: String) -> Bool { RegistryFile(home: home).exists }

    /// Opens the registry of a home; both are made if need be.
    /// - Throws: ``MeshError/storage(reason:)``.
    public init(home: String) throws(MeshError) {
        let file = RegistryFile(home: home)
        (pool, wasRebuilt) = try file.openPool()
    }

    /// All peers whose descriptors still hold; a row that was changed on the disk is passed over.
    public func peers() async throws(MeshError) -> [StoredPeer] {
        try await Self.storage {
            try await self.pool.read { database in
                try Row.fetchAll(database, sql: "SELECT * FROM peers WHERE \(Self.isSound) ORDER BY first_seen, id")
                    .compactMap {
                        Self.peer($0)?.peer
                    }
            }
        }
    }

    /// Takes a peer in, or what is new about one that is known: its first sight is kept, a source gives way only to a
    /// stronger one, and what is `nil` changes nothing.
    /// - Throws: ``MeshError/badDescriptor(reason:)`` unless the descriptor holds and is the latest: one that was sent once
    ///   more must not undo what came after it. ``MeshError/storage(reason:)``.
    public func save(_ peer: StoredPeer) async throws(MeshError) {
        let descriptor = try peer.descriptor.verified()
        try await Self.storage {
            try await self.pool.write { database in
                var new = peer
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM peers WHERE id = ? AND \(Self.isSound)", arguments: [descriptor.id])
                if let row, let known = Self.peer(row) {
                    try Self.checkOrder(descriptor, peer.descriptor, after: known)
                    new.source = max(peer.source, known.peer.source)
                    new.firstSeen = known.peer.firstSeen
                    new.address = peer.address ?? known.peer.address
                    new.lastSeen = peer.lastSeen ?? known.peer.lastSeen
                }
                if new.source == .registered {
                    try database.execute(sql: "DELETE FROM removed WHERE id = ?", arguments: [descriptor.id])
                }
                try database.execute(
                    sql: """
                        INSERT OR REPLACE INTO peers (id, payload, signature, address, source, first_seen, last_seen)
                        VALUES (?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        descriptor.id, Data(new.descriptor.payload), Data(new.descriptor.signature), new.address,
                        new.source.rawValue, new.firstSeen.timeIntervalSince1970, new.lastSeen?.timeIntervalSince1970,
                    ])
            }
        }
    }

    private static func checkOrder(
        _ descriptor: NodeDescriptor, _ signed: SignedDescriptor, after known: (peer: StoredPeer, sequence: Int)
    ) throws(MeshError) {
        guard descriptor.sequence >= known.sequence else {
            throw .badDescriptor(reason: "its sequence \(descriptor.sequence) comes before the known \(known.sequence)")
        }
        guard descriptor.sequence > known.sequence || signed.payload == known.peer.descriptor.payload else {
            throw .badDescriptor(reason: "it isn't the one that is known of sequence \(known.sequence)")
        }
    }

    /// Forgets a peer.
    /// - Parameter isByHand: whether it shall stay away, also after a restart.
    /// - Throws: ``MeshError/unknownPeer(_:)`` if it isn't known; ``MeshError/storage(reason:)``.
    public func remove(_ id: String, isByHand: Bool = false) async throws(MeshError) {
        try await Self.storage {
            try await self.pool.write { database in
                try database.execute(sql: "DELETE FROM peers WHERE id = ?", arguments: [id])
                guard database.changesCount > 0 || isByHand else { throw MeshError.unknownPeer(id) }
                guard isByHand else { return }
                try database.execute(
                    sql: "INSERT OR REPLACE INTO removed (id, at) VALUES (?, ?)",
                    arguments: [id, Date().timeIntervalSince1970])
                // As many as are remembered while the node runs.
                try database.execute(
                    sql: "DELETE FROM removed WHERE id NOT IN (SELECT id FROM removed ORDER BY at DESC LIMIT 1024)")
            }
        }
    }

    /// The peers that were removed by hand and haven't been registered since.
    public func removed() async throws(MeshError) -> [String] {
        try await Self.storage {
            try await self.pool.read {
                try String.fetchAll($0, sql: "SELECT id FROM removed WHERE typeof(id) = 'text'")
            }
        }
    }

    /// The sequence for this node's next descriptor: above all that were taken before, restarts and other processes of
    /// the same home included.
    /// - Parameter lowest: what peers are known to have seen, plus one, so that they listen even after a rebuild.
    /// - Throws: ``MeshError/storage(reason:)``.
    public func takeSequence(atLeast lowest: Int) async throws(MeshError) -> Int {
        try await Self.storage {
            try await self.pool.write { database in
                let last = try Int.fetchOne(database, sql: "SELECT sequence FROM own") ?? 0
                guard (0..<NodeDescriptor.maximumSequence).contains(last), lowest <= NodeDescriptor.maximumSequence
                else {
                    throw MeshError.storage(reason: "the sequence of this node's descriptors is used up or damaged")
                }
                let next = max(last + 1, lowest)
                try database.execute(sql: "INSERT OR REPLACE INTO own (one, sequence) VALUES (1, ?)", arguments: [next])
                return next
            }
        }
    }

    /// Whether a row's values are of the kinds that were written; of others GRDB's conversions would end the process.
    private static let isSound = """
        typeof(id) = 'text' AND typeof(payload) = 'blob' AND typeof(signature) = 'blob' AND typeof(source) = 'text' AND
        typeof(first_seen) = 'real' AND typeof(last_seen) IN ('real', 'null') AND typeof(address) IN ('text', 'null')
        """

    /// The peer of a sound row and its descriptor's sequence; `nil` if the row isn't as it was written.
    private static func peer(_ row: Row) -> (peer: StoredPeer, sequence: Int)? {
        let (id, payload, signature): (String, Data, Data) = (row["id"], row["payload"], row["signature"])
        let signed = SignedDescriptor(payload: Array(payload), signature: Array(signature))
        guard let source = StoredSource(rawValue: row["source"]), let descriptor = try? signed.verified(),
            descriptor.id == id
        else { return nil }
        let lastSeen: Double? = row["last_seen"]
        let peer = StoredPeer(
            descriptor: signed, address: row["address"], source: source,
            firstSeen: Date(timeIntervalSince1970: row["first_seen"]),
            lastSeen: lastSeen.map { Date(timeIntervalSince1970: $0) })
        return (peer, descriptor.sequence)
    }

    /// Runs `body`; what the database throws becomes ``MeshError/storage(reason:)``.
    private static func storage<Result>(
        _ body: @Sendable () async throws -> Result
    ) async throws(MeshError) -> Result {
        do { return try await body() } catch let error as MeshError { throw error } catch {
            throw .storage(reason: "mesh.sqlite: \(error)")
        }
    }
}
