import Checkpoints
import Mesh
import ModelStore
import Providers
import Synchronization

/// A model on other machines, as a command line or settings name it.
enum ModelReference {
    case hub(HubReference)
    case peer(PeerReference)

    /// Reads a reference; `nil` if `text` has the form of none.
    /// - Throws: `HubError` if it is almost one.
    init?(_ text: String) throws {
        if let peer = PeerReference(text) {
            self = .peer(peer)
        } else if text.hasPrefix("hf://") {
            self = .hub(try HubReference(text))
        } else {
            return nil
        }
    }

    /// What the model is called in a store, unless somebody chooses another name.
    var modelName: String {
        switch self {
        case .hub(let reference): reference.modelName
        case .peer(let reference): reference.model
        }
    }
}

extension Wiring {
    /// Brings a model into the store: from all nodes that have some of it, and from the hub if that is what is named.
    /// - Parameters:
    ///   - opened: see `PeerPull.Opened`; not told of models that come from the hub alone.
    /// - Throws: what forbids it, what fails; what has come stays for the next attempt.
    func fetch(
        _ reference: ModelReference, as name: String? = nil, by egress: EgressGuard,
        opened: @escaping PeerPull.Opened = { _ in }, progress: @escaping PeerPull.Progress
    ) async throws -> StoredModel {
        switch reference {
        case .peer(let reference):
            return try await peerPull(egress).pull(reference, as: name, opened: opened, progress: progress)
        case .hub(let reference):
            try egress.check(.download)
            // Who has never met a node needs no identity to ask the hub.
            if configuration.policy.permitsMesh, PeerRegistry.exists(home: configuration.home) {
                return try await peerPull(egress).pull(
                    reference, from: hub(egress), as: name, opened: opened, progress: progress)
            }
            return try await store.pull(reference, name: name, from: hub(egress)) {
                progress(SwarmProgress(bytes: $0.bytes, totalBytes: $0.totalBytes, sources: 1))
            }
        }
    }

    /// The hub that the settings name.
    func hub(_ egress: EgressGuard) -> Hub {
        Hub(endpoint: configuration.hubEndpoint, token: configuration.hubToken, transport: egress)
    }

    /// What a MODEL argument stands for, fetched when it is first asked for if it isn't here.
    /// - Throws: if there is no such thing, or if it may not be fetched.
    func files(_ model: String, _ egress: EgressGuard) throws -> (id: String, files: ModelFiles) {
        guard let reference = try ModelReference(model), try store.find(reference.modelName) == nil else {
            let (id, path) = try locate(model)
            return (id, .here(path: path))
        }
        switch reference {
        case .hub: try egress.check(.download)
        case .peer: try egress.check(.mesh)
        }
        return (
            reference.modelName,
            .coming { progress, opened in
                let shown = Mutex<IncomingModel?>(nil)
                let stored = try await fetch(
                    reference, by: egress,
                    opened: { incoming in
                        shown.withLock { $0 = incoming }
                        opened(incoming.path) { file, bytes throws(CheckpointError) in
                            do { try incoming.wait(for: bytes, of: file) } catch { throw .gone(file, "\(error)") }
                        }
                    },
                    progress: { progress($0.bytes, $0.totalBytes) }
                )
                return (stored.path, shown.withLock { $0?.isPublished } ?? false)
            }
        )
    }
}
