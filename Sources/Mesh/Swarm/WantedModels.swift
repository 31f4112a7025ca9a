public import Logging
public import ModelStore
import Synchronization

/// The models that this node shall have: those of its settings, and those that a peer asked it to take, if it permits that.
///
/// Copies are only ever pulled: a peer may name a model, but the bytes are those that this node asks for.
public actor WantedModels {
    /// What became of a request to take a model.
    public enum Reply: String, Sendable {
        /// It is here already.
        case present
        /// It comes.
        case started
    }

    private let store: ModelStore
    private let pull: PeerPull
    private let hub: Hub
    private let acceptsRequests: Bool
    private let traffic: MeshTraffic
    private let logger: Logger
    /// Requested by peers: digest and name.
    private var requested: [(digest: Digest, name: String)] = []
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// What brings in models.
    /// - Parameters:
    ///   - hub: asked for what no peer has by that name.
    ///   - acceptsRequests: whether peers may ask this node to take a model.
    public init(
        store: ModelStore, pull: PeerPull, hub: Hub, acceptsRequests: Bool, traffic: MeshTraffic, logger: Logger
    ) {
        (self.store, self.pull, self.acceptsRequests) = (store, pull, acceptsRequests)
        (self.traffic, self.logger, self.hub) = (traffic, logger, hub)
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How often it is looked whether all is here.
    private static let interval = Duration.seconds(30)
    /// Requests that wait at once.
    private static let mostRequests = 64

    /// A peer asks this node to take a model.
    /// - Throws: ``MeshError/off(rule:)`` if this node takes none on request; ``StoreError`` for a name that can't be.
    public func take(_ digest: Digest, as name: String) async throws -> Reply {
        guard acceptsRequests else { throw MeshError.off(rule: "mesh.accept_sync") }
        if try store.find(name) != nil { return .present }
        if !requested.contains(where: { $0.digest == digest }), requested.count < Self.mostRequests {
            requested.append((digest, name))
            wake.yield()
        }
        return .started
    }

    /// Somebody who may have what is missing has come.
    nonisolated func look() { wake.yield() }

    /// Brings in what is missing until the task is cancelled.
    /// - Parameter wanted: `hf://` references; the model of that name comes from a peer that has it, else from the hub.
    public func run(wanted: [HubReference]) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [wake] in
                while !Task.isCancelled {
                    wake.yield()
                    try? await Task.sleep(for: Self.interval)
                }
            }
            for await _ in wakes {
                for reference in wanted { await bring(reference) }
                while let next = requested.first {
                    await bring(next.name) { report in
                        _ = try await self.pull.pull(next.digest, as: next.name, progress: report)
                    }
                    requested.removeAll { $0.digest == next.digest }
                }
            }
        }
    }

    private func bring(_ reference: HubReference) async {
        let name = reference.modelName
        await bring(name) { report in
            do { _ = try await self.pull.pull(named: name, progress: report) } catch MeshError.noSource {
                _ = try await self.pull.pull(reference, from: self.hub, progress: report)
            }
        }
    }

    private func bring(
        _ name: String, _ fetch: @Sendable (@escaping @Sendable (SwarmProgress) -> Void) async throws -> Void
    ) async {
        do { guard try store.find(name) == nil else { return } } catch { return }
        let counter = ReceivedBytes(traffic)
        do {
            try await fetch { counter.report($0) }
            logger.info("model is here", metadata: ["model": "\(name)"])
        } catch is CancellationError {
        } catch { logger.warning("model doesn't come", metadata: ["model": "\(name)", "reason": "\(error)"]) }
    }
}

/// Adds to the traffic what a pull has received since its last report.
private final class ReceivedBytes: Sendable {
    private let traffic: MeshTraffic
    private let reported = Mutex<[String: Int]>([:])

    init(_ traffic: MeshTraffic) { self.traffic = traffic }

    func report(_ progress: SwarmProgress) {
        reported.withLock { reported in
            for (peer, bytes) in progress.bytesBySource
            where peer != SwarmMirror.id && bytes > reported[peer, default: 0] {
                traffic.received(bytes - reported[peer, default: 0], from: peer)
                reported[peer] = bytes
            }
        }
    }
}
