import ArgumentParser
import Checkpoints
import Foundation
import Generation
import Logging
import Mesh
import ModelStore
import Providers
import Tensors

/// Puts the rooms together as the settings say.
struct Wiring {
    let configuration: Configuration
    let device: CPUDevice
    let store: ModelStore
    let logger: Logger

    init(_ configuration: Configuration, logLevel: Logger.Level = .info) throws {
        self.configuration = configuration
        guard let device = CPUDevice(threads: configuration.threads, instructionSet: configuration.instructionSet)
        else {
            throw ConfigurationError.unknownInstructionSet(configuration.instructionSet ?? "")
        }
        self.device = device
        store = ModelStore(home: configuration.home)
        var logger = Logger(label: "hybrie") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        self.logger = logger
    }

    /// Where a MODEL argument's checkpoint lies, and what it is called.
    func locate(_ model: String) throws -> (id: String, path: String) {
        let reference = try ModelReference(model)
        if let stored = try store.find(reference?.modelName ?? model) { return (stored.name, stored.path) }
        guard reference == nil else {
            throw ValidationError("'\(model)' isn't in the store; 'hybrie pull \(model)' brings it")
        }
        guard FileManager.default.fileExists(atPath: model) else {
            throw ValidationError(
                "'\(model)' is neither a file, a folder nor a model in the store; 'hybrie models list' shows what there is"
            )
        }
        let name = (model as NSString).lastPathComponent
        let stem =
            ["gguf", "safetensors"].contains((name as NSString).pathExtension)
            ? (name as NSString).deletingPathExtension : name
        return (stem, model)
    }

    /// A host that knows `models`, or what the settings name instead, and everything in the store.
    /// - Parameter parallel: answers that are written side by side; what the settings say if it isn't given.
    func makeHost(_ models: [String], _ egress: EgressGuard, parallel: Int? = nil) async throws -> ModelHost {
        var options = ModelHost.Options()
        options.context = configuration.context
        options.parallel = parallel ?? configuration.parallel
        options.memoryBytes = configuration.memoryBytes
        options.cacheFormat = configuration.cacheFormat
        options.draftTokens = configuration.draftTokens
        let host = ModelHost(device: device, options: options, logger: logger) { [store] in
            ((try? store.models()) ?? []).map { ($0.name, $0.path) }
        }
        for model in models.isEmpty ? configuration.models : models {
            let (id, files) = try files(model, egress)
            await host.add(id: id, files)
        }
        return host
    }
}

extension Wiring {
    /// The door to other machines, for the time of `work`.
    func withEgress<Result>(_ work: (EgressGuard) async throws -> Result) async throws -> Result {
        let egress = EgressGuard(policy: configuration.policy)
        do {
            let result = try await work(egress)
            try await egress.shutdown()
            return result
        } catch {
            try? await egress.shutdown()
            throw error
        }
    }

    /// What pulls from other nodes.
    func peerPull(_ egress: EgressGuard) throws -> PeerPull {
        try egress.check(.mesh)
        return PeerPull(
            ownID: try NodeIdentity.load(home: configuration.home).id,
            registry: try PeerRegistry(home: configuration.home), transport: egress.mesh(configuration.mesh.networks),
            secret: configuration.mesh.secret, networks: configuration.mesh.networks, store: store)
    }

    /// This node among the others.
    /// - Returns: `nil` if it takes no part, or if another process of this home does.
    func makeNode(_ egress: EgressGuard) async throws -> MeshNode? {
        guard configuration.policy.permitsMesh, let lock = try takeHome() else { return nil }
        let settings = configuration.mesh
        let registry = try PeerRegistry(home: configuration.home)
        if registry.wasRebuilt {
            logger.warning("mesh.sqlite was damaged: it has been moved aside, and peers must be registered again")
        }
        var options = MeshNode.Options(
            name: settings.name, version: Hybrie.versionText, platform: Self.platform, devices: [device.name],
            addresses: InterfaceAddresses.reaching(configuration.host), networks: settings.networks)
        options.defaultPort = settings.port
        return try await MeshNode(
            identity: try NodeIdentity.load(home: configuration.home), lock: lock, registry: registry,
            transport: egress.mesh(settings.networks), secret: settings.secret,
            shared: SharedModels(store: store, logger: logger),
            tailscale: settings.tailscaleSocket.map { socket in
                Tailscale(socket: socket) { try await egress.askTailscale(socket: $0, path: $1) }
            }, options: options, port: configuration.port, logger: logger)
    }

    /// The right to be the node of this home; `nil` if another process is it.
    private func takeHome() throws -> HomeLock? {
        do { return try HomeLock(home: configuration.home) } catch {
            guard case .heldBy = error else { throw error }
            logger.warning("serving without the mesh: \(error)")
            return nil
        }
    }

    /// What brings in the models that this node shall have.
    func makeWanted(_ node: MeshNode, _ egress: EgressGuard) throws -> WantedModels {
        WantedModels(
            store: store, pull: try peerPull(egress), hub: hub(egress),
            acceptsRequests: configuration.mesh.acceptsSync, traffic: node.traffic, logger: logger)
    }

    private static var platform: String {
        #if os(macOS)
            let system = "macos"
        #else
            let system = "linux"
        #endif
        #if arch(arm64)
            return "\(system) arm64"
        #else
            return "\(system) x86_64"
        #endif
    }
}
