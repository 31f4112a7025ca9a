import API
import ArgumentParser
import Foundation
import Logging
import Mesh
import ModelStore
import Providers
import ServiceLifecycle
import Tensors
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve models through the OpenAI-compatible API.",
        discussion: """
            MODEL is a file, a folder, a name in the store, or what 'hybrie pull' takes, which is fetched then. Without MODEL: those
            that the settings name, and everything in the store. Ends cleanly on SIGTERM or Ctrl-C.
            """)

    @Argument(help: ArgumentHelp("Models to serve; the first answers requests that name none.", valueName: "MODEL"))
    var models: [String] = []

    @Option(help: "Address to listen on. Beyond loopback a key is needed; one is made if there is none.")
    var host: String?

    @Option(help: "Port to listen on.")
    var port: Int?

    @Option(help: "Answers that are written side by side.")
    var parallel: Int?

    @OptionGroup var machine: MachineFlags

    func run() async throws {
        let configuration = try Configuration(flags: machine, host: host, port: port, parallel: parallel)
        let wiring = try Wiring(configuration)
        let logger = wiring.logger
        var options = ServerOptions(
            host: configuration.host, port: configuration.port, apiKey: configuration.apiKey,
            version: Hybrie.versionText)
        options.connections = OpenFiles.raiseLimit()
        if !options.isLoopback, options.apiKey == nil {
            options.apiKey = try KeyFile(home: configuration.home).keyForExposure()
        }
        options.meshSecret = configuration.mesh.secret
        options.uploads = configuration.mesh.uploads
        let egress = EgressGuard(policy: configuration.policy)
        let models = try await wiring.makeHost(models, egress)
        let mesh = try await wiring.makeNode(egress)
        let wanted = try mesh.map { try wiring.makeWanted($0, egress) }
        if let mesh, let wanted { await mesh.setWanted(wanted) }
        let (ports, portSource) = AsyncStream<Int>.makeStream()
        let server = Server(
            options: options, models: models, policy: configuration.policy, mesh: mesh, logger: logger
        ) { port in
            portSource.yield(port)
            logger.info(
                "listening",
                metadata: [
                    "address": "http://\(configuration.host):\(port)", "device": "\(wiring.device.name)",
                    "providers": "\(configuration.policy.allowed.map(\.rawValue).sorted().joined(separator: ","))",
                ])
            // The port is open before the model is there: clients see how far it is.
            _ = try? await models.model(nil)
        }
        var parts: [ServiceGroupConfiguration.ServiceConfiguration] = [.init(service: server)]
        if let mesh, let wanted {
            let service = MeshService(node: mesh, ports: ports, wanted: wanted, references: configuration.mesh.wanted)
            parts.append(.init(service: service))
        }
        var services = ServiceGroupConfiguration(
            services: parts, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        services.maximumGracefulShutdownDuration = Self.patience
        let signals = Task { await Self.endAtSecondSignal(logger, models) }
        defer { signals.cancel() }
        do {
            try await ServiceGroup(configuration: services).run()
        } catch is CancellationError {
            logger.notice("answers that still ran were cut off")
        } catch {
            guard let reason = Self.bindFailure(error) else { throw error }
            FileHandle.standardError.write(
                Data(
                    "port \(configuration.port) on \(configuration.host) can't be opened: \(reason); choose another with --port\n"
                        .utf8))
            throw ExitCode(1)
        }
        await models.stop()
        try? await egress.shutdown()
    }

    /// How long answers that run may go on after the first signal; with what follows it stays below 30 seconds.
    private static let patience = Duration.seconds(25)

    /// The first signal ends the server in order, the second one at once.
    private static func endAtSecondSignal(_ logger: Logger, _ models: ModelHost) async {
        var isEnding = false
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            if isEnding { _exit(signal == .sigint ? 130 : 143) }
            isEnding = true
            // Somebody may wait for a model that comes for hours.
            await models.stopFetching()
            logger.notice("shutting down: running answers may end; a second signal ends at once")
        }
    }

    /// What the system said if it refused the address.
    private static func bindFailure(_ error: any Error) -> String? {
        let text = "\(error)"
        return text.contains("bind") ? text : nil
    }
}

/// The node's part in the mesh, from when its port is open until the server ends.
private struct MeshService: Service {
    let node: MeshNode
    let ports: AsyncStream<Int>
    let wanted: WantedModels
    let references: [HubReference]

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await port in ports {
                async let models: Void = wanted.run(wanted: references)
                await node.run(port: port)
                return await models
            }
        }
    }
}
