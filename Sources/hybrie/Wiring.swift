import ArgumentParser
import Checkpoints
import Foundation
import Generation
import Logging
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
        if let stored = try store.find(model) { return (stored.name, stored.path) }
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

    /// A host that knows `models`, or everything that settings and store name.
    func makeHost(_ models: [String]) async throws -> ModelHost {
        var options = ModelHost.Options()
        options.context = configuration.context
        options.parallel = configuration.parallel
        options.memoryBytes = configuration.memoryBytes
        options.cacheFormat = configuration.cacheFormat
        options.draftTokens = configuration.draftTokens
        let host = ModelHost(device: device, options: options, logger: logger)
        for model in models.isEmpty ? configuration.models : models {
            let (id, path) = try locate(model)
            await host.add(id: id, path: path)
        }
        for stored in try store.models() { await host.add(id: stored.name, path: stored.path) }
        return host
    }

    /// One model in memory, for commands without a server.
    func load(_ model: String, parallel: Int = 1) throws -> LoadedModel {
        let (id, path) = try locate(model)
        let checkpoint = try Checkpoint(path: path)
        let plan = try MemoryPlan(
            checkpoint, on: device, context: configuration.context, parallel: parallel,
            available: configuration.memoryBytes ?? AvailableMemory.bytes)
        return try LoadedModel(
            checkpoint, id: id, device: device, plan: plan, draftTokens: configuration.draftTokens)
    }
}
