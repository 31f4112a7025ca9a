import Checkpoints
import Foundation
public import Generation
public import Logging
import Synchronization
public import Tensors

/// The models of this machine: which there are, which are in memory, and who goes when room is needed.
public actor ModelHost {
    /// What every model is loaded with.
    public struct Options: Sendable {
        /// Tokens of a sequence; none: what the model permits and memory holds.
        public var context: Int?
        /// Sequences side by side.
        public var parallel = 16
        /// Memory that models may take; none: what the system says is available.
        public var memoryBytes: Int?
        /// How keys and values are kept; none: as suits the weights.
        public var cacheFormat: CacheFormat?
        /// Tokens of an answer that are guessed and tried in one step, at most.
        public var draftTokens = EngineOptions.usualDraftTokens

        /// The usual ones.
        public init() {}
    }

    private enum State {
        case unloaded
        case loading(LoadProgress)
        case loaded(LoadedModel)
        case failed(String)
    }
    private struct Entry {
        let path: String
        let created: Int
        var state = State.unloaded
        var lastUse = ContinuousClock.now
        /// Told when a load ends, either way.
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let device: any Device
    private let options: Options
    private let logger: Logger
    private var entries: [String: Entry] = [:]
    /// Ids in the order they were added: a request without a model gets the first.
    private var order: [String] = []

    /// A host without models.
    public init(device: any Device, options: Options, logger: Logger) {
        self.device = device
        self.options = options
        self.logger = logger
    }

    /// Makes a checkpoint known as `id`; nothing is read yet. A known id keeps its first path.
    public func add(id: String, path: String) {
        guard entries[id] == nil else { return }
        let created =
            (try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date)
            ?? Date(timeIntervalSince1970: 0)
        entries[id] = Entry(path: path, created: Int(created.timeIntervalSince1970))
        order.append(id)
    }

    /// What is known of every model, in the order they were added.
    public var models: [ModelSummary] {
        order.compactMap { id in
            guard let entry = entries[id] else { return nil }
            return ModelSummary(id: id, created: entry.created, state: summary(of: entry.state))
        }
    }

    private func summary(of state: State) -> ModelSummary.State {
        switch state {
        case .unloaded: .unloaded
        case .loading(let progress): .loading(progress.status)
        case .loaded(let model): .loaded(plan: model.plan)
        case .failed(let reason): .failed(reason)
        }
    }

    /// The engines of all models in memory, for metrics and health.
    public var loaded: [LoadedModel] {
        order.compactMap { id in
            if case .loaded(let model)? = entries[id]?.state { model } else { nil }
        }
    }

    /// The model named `id` (or the first one), ready to answer; a load is started if it isn't in memory.
    /// - Throws: ``ModelHostError``: `.loading` while it is on its way.
    public func model(_ id: String?) throws(ModelHostError) -> LoadedModel {
        let id = try resolve(id)
        entries[id]?.lastUse = .now
        switch entries[id]?.state {
        case .loaded(let model): return model
        case .loading(let progress): throw .loading(id, progress.status)
        case .failed(let reason): throw .failed(id, reason)
        case .unloaded, nil:
            let progress = try start(id)
            throw .loading(id, progress.status)
        }
    }

    /// Loads a model and waits for it.
    /// - Throws: ``ModelHostError``.
    public func load(_ id: String) async throws(ModelHostError) -> LoadedModel {
        let id = try resolve(id)
        if case .failed = entries[id]?.state { entries[id]?.state = .unloaded }
        while true {
            switch entries[id]?.state {
            case .loaded(let model): return model
            case .failed(let reason): throw .failed(id, reason)
            case .unloaded: _ = try start(id)
            case .loading: break
            case nil: throw .unknown(id, known: order)
            }
            await withCheckedContinuation { continuation in
                if case .loading? = entries[id]?.state {
                    entries[id]?.waiters.append(continuation)
                } else {
                    continuation.resume()
                }
            }
        }
    }

    /// Takes a model out of memory; its running answers end.
    /// - Throws: ``ModelHostError/unknown(_:known:)``, or `.loading` while it is on its way in.
    public func unload(_ id: String) throws(ModelHostError) {
        let id = try resolve(id)
        switch entries[id]?.state {
        case .loading(let progress): throw .loading(id, progress.status)
        case .loaded(let model): model.engine.stop()
        default: break
        }
        entries[id]?.state = .unloaded
        logger.info("unloaded model", metadata: ["model": "\(id)"])
    }

    private func resolve(_ id: String?) throws(ModelHostError) -> String {
        guard let id = id ?? order.first else { throw .noModels }
        guard entries[id] != nil else { throw .unknown(id, known: order) }
        return id
    }

    /// Plans a load and starts it on a thread of its own.
    private func start(_ id: String) throws(ModelHostError) -> LoadProgress {
        guard let path = entries[id]?.path else { throw .unknown(id, known: order) }
        let checkpoint: Checkpoint
        let plan: MemoryPlan
        do {
            checkpoint = try Checkpoint(path: path)
            plan = try makeRoom(for: checkpoint)
        } catch {
            entries[id]?.state = .failed("\(error)")
            throw .failed(id, "\(error)")
        }
        for format in Set(checkpoint.tensorNames.compactMap { checkpoint.optionalTensor($0)?.format })
        where !device.keeps(format) {
            logger.notice(
                "weights of this format are expanded to 8 bits in memory", metadata: ["format": "\(format.name)"])
        }
        let progress = LoadProgress(totalBytes: checkpoint.totalBytes)
        entries[id]?.state = .loading(progress)
        let device = device, draftTokens = options.draftTokens
        let thread = Thread {
            let result = Result {
                try LoadedModel(checkpoint, id: id, device: device, plan: plan, draftTokens: draftTokens) {
                    progress.record($0)
                }
            }
            Task { await self.finish(id, result) }
        }
        thread.name = "hybrie-load"
        thread.stackSize = 8 << 20
        thread.start()
        return progress
    }

    /// A plan for `checkpoint`; the models used longest ago go until there is one.
    private func makeRoom(for checkpoint: Checkpoint) throws -> MemoryPlan {
        while true {
            let taken = loaded.reduce(0) { $0 + $1.plan.totalBytes }
            let available = options.memoryBytes.map { max(0, $0 - taken) } ?? AvailableMemory.bytes
            do {
                return try MemoryPlan(
                    checkpoint, on: device, context: options.context, parallel: options.parallel, available: available,
                    cacheFormat: options.cacheFormat)
            } catch {
                guard case .modelTooLarge = error, let idle = longestUnused() else { throw error }
                try unload(idle)
            }
        }
    }

    private func longestUnused() -> String? {
        let resident = entries.filter { entry in
            if case .loaded(let model) = entry.value.state { model.engine.statistics.running == 0 } else { false }
        }
        return resident.min { $0.value.lastUse < $1.value.lastUse }?.key
    }

    private func finish(_ id: String, _ result: Result<LoadedModel, any Error>) {
        switch result {
        case .success(let model):
            entries[id]?.state = .loaded(model)
            logger.info(
                "model is ready",
                metadata: [
                    "model": "\(id)", "device": "\(device.name)", "context": "\(model.plan.contextTokens)",
                    "weights_mib": "\(model.plan.weightBytes >> 20)",
                ])
        case .failure(let error):
            entries[id]?.state = .failed("\(error)")
            logger.error("model can't be loaded", metadata: ["model": "\(id)", "error": "\(error)"])
        }
        for waiter in entries[id]?.waiters ?? [] { waiter.resume() }
        entries[id]?.waiters = []
    }

    /// Stops all engines.
    public func stop() {
        for model in loaded { model.engine.stop() }
    }
}

/// A model as lists show it.
public struct ModelSummary: Sendable {
    /// Whether it is in memory.
    public enum State: Sendable {
        case unloaded
        case loading(LoadStatus)
        case loaded(plan: MemoryPlan)
        case failed(String)
    }
    /// The name that requests use.
    public let id: String
    /// When its file was written, in seconds since 1970.
    public let created: Int
    /// Whether it is in memory.
    public let state: State
}

/// How far a load has come.
public struct LoadStatus: Sendable {
    /// Bytes of the checkpoint that are done.
    public let bytes: Int
    /// Bytes in all.
    public let totalBytes: Int
    /// Seconds that are left at the pace so far, if there is one yet.
    public let etaSeconds: Double?
    /// 0...1.
    public var fraction: Double { totalBytes > 0 ? Double(bytes) / Double(totalBytes) : 0 }
}

/// Counts a load's bytes; written by its thread, read by everyone.
final class LoadProgress: Sendable {
    private let totalBytes: Int
    private let start = ContinuousClock.now
    private let bytes = Atomic<Int>(0)

    init(totalBytes: Int) { self.totalBytes = totalBytes }

    func record(_ done: Int) { bytes.store(done, ordering: .relaxed) }

    var status: LoadStatus {
        let done = bytes.load(ordering: .relaxed)
        let seconds = start.duration(to: .now).seconds
        return LoadStatus(
            bytes: done, totalBytes: totalBytes,
            etaSeconds: done > 0 ? seconds * Double(totalBytes - done) / Double(done) : nil)
    }
}

/// Why a model doesn't answer.
public enum ModelHostError: Error, CustomStringConvertible, Sendable {
    /// There is no model at all.
    case noModels
    /// There is none of that name.
    case unknown(String, known: [String])
    /// It is on its way into memory.
    case loading(String, LoadStatus)
    /// It couldn't be loaded.
    case failed(String, String)

    /// What was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .noModels: "there is no model; pull or import one, or name a file when starting the server"
        case .unknown(let id, let known):
            "the model '\(id)' doesn't exist"
                + (known.isEmpty ? "; pull or import one" : "; there are: \(known.prefix(20).joined(separator: ", "))")
        case .loading(let id, let status):
            "the model '\(id)' is being loaded (\(Int(status.fraction * 100)) %); try again shortly"
        case .failed(let id, let reason): "the model '\(id)' can't be loaded: \(reason)"
        }
    }
}
