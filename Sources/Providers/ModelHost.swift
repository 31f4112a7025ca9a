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
        var files: ModelFiles
        let created: Int
        /// Whether the store listed it rather than somebody named it.
        let isFromStore: Bool
        var state = State.unloaded
        var lastUse = ContinuousClock.now
        var lastFailure: ContinuousClock.Instant?
        /// What the load that runs was granted.
        var plan: MemoryPlan?
        /// Told when a load ends, either way.
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let device: any Device
    private let options: Options
    private let store: @Sendable () -> [(id: String, path: String)]
    private let logger: Logger
    private var entries: [String: Entry] = [:]
    /// Ids in the order they were added: a request without a model gets the first.
    private var order: [String] = []
    private var fetches: [String: Task<Void, Never>] = [:]

    /// A host of what `store` lists, which is asked again whenever that may have changed.
    public init(
        device: any Device, options: Options, logger: Logger,
        store: @escaping @Sendable () -> [(id: String, path: String)] = { [] }
    ) {
        self.device = device
        self.options = options
        self.logger = logger
        self.store = store
    }

    /// Makes a model known as `id`; nothing is read or fetched yet. A known id keeps its first files.
    public func add(id: String, _ files: ModelFiles) { add(id: id, files, isFromStore: false) }

    private func add(id: String, _ files: ModelFiles, isFromStore: Bool) {
        guard entries[id] == nil else { return }
        var created: Date?
        if case .here(let path) = files {
            created = try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
        }
        let seconds = Int((created ?? Date(timeIntervalSince1970: 0)).timeIntervalSince1970)
        entries[id] = Entry(files: files, created: seconds, isFromStore: isFromStore)
        order.append(id)
    }

    /// Models come into the store and leave it while the server runs.
    private func lookIntoStore() {
        let listed = store()
        for (id, path) in listed { add(id: id, .here(path: path), isFromStore: true) }
        let ids = Set(listed.map(\.id))
        for (id, entry) in entries where entry.isFromStore && !ids.contains(id) {
            switch entry.state {
            case .unloaded, .failed: entries[id] = nil
            case .loading, .loaded: break
            }
        }
        order.removeAll { entries[$0] == nil }
    }

    /// What is known of every model, in the order they were added.
    public var models: [ModelSummary] {
        lookIntoStore()
        return order.compactMap { id in
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
        case .failed(let reason):
            guard mayComeNow(id) else { throw .failed(id, reason) }
            throw .loading(id, try start(id).status)
        case .unloaded, nil:
            let progress = try start(id)
            throw .loading(id, progress.status)
        }
    }

    /// How long a fetch that failed isn't tried again by itself.
    private static let pause = Duration.seconds(10)

    /// Whether a model that couldn't be fetched may come if it is tried again: a network comes up, another process ends.
    private func mayComeNow(_ id: String) -> Bool {
        guard case .coming? = entries[id]?.files, let failure = entries[id]?.lastFailure else { return false }
        return failure.duration(to: .now) > Self.pause || pathInStore(id) != nil
    }

    private func pathInStore(_ id: String) -> String? { store().first { $0.id == id }?.path }

    /// Loads the model named `id` (or the first one) and waits for it.
    /// - Throws: ``ModelHostError``.
    public func load(_ id: String?) async throws(ModelHostError) -> LoadedModel {
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
        if id.map({ entries[$0] == nil }) ?? order.isEmpty { lookIntoStore() }
        guard let id = id ?? order.first else { throw .noModels }
        guard entries[id] != nil else { throw .unknown(id, known: order) }
        return id
    }

    /// Starts to bring a model into memory, from wherever its files are.
    private func start(_ id: String) throws(ModelHostError) -> LoadProgress {
        let progress = LoadProgress()
        let files = entries[id]?.files
        if case .coming(let fetch)? = files, pathInStore(id) == nil {
            fetches[id] = Task { await bring(id, fetch, progress) }
        } else {
            var path = pathInStore(id)
            if case .here(let named)? = files { path = named }
            guard let path else { throw .unknown(id, known: order) }
            do { try start(id, path, progress) } catch {
                entries[id]?.state = .failed("\(error)")
                throw .failed(id, "\(error)")
            }
        }
        entries[id]?.state = .loading(progress)
        return progress
    }

    /// Plans a load and starts it.
    private func start(_ id: String, _ path: String, _ progress: LoadProgress) throws {
        let checkpoint = try Checkpoint(path: path)
        let plan = try makeRoom(for: checkpoint, id)
        Task {
            do { finish(id, .success(try await load(id, checkpoint, plan) { progress.record($0, of: $1) })) } catch {
                finish(id, .failure(error))
            }
        }
    }

    private func load(
        _ id: String, _ checkpoint: Checkpoint, _ plan: MemoryPlan,
        progress: @escaping @Sendable (_ bytes: Int, _ totalBytes: Int) -> Void = { _, _ in }
    ) async throws -> LoadedModel {
        for format in Set(checkpoint.tensorNames.compactMap { checkpoint.optionalTensor($0)?.format })
        where !device.keeps(format) {
            logger.notice(
                "weights of this format are expanded to 8 bits in memory", metadata: ["format": "\(format.name)"])
        }
        let (device, draftTokens, totalBytes) = (device, options.draftTokens, checkpoint.totalBytes)
        return try await LoadThread.run {
            try LoadedModel(checkpoint, id: id, device: device, plan: plan, draftTokens: draftTokens) {
                progress($0, totalBytes)
            }
        }
    }

    /// Fetches a model, and reads its layers as soon as they are here where the fetch lets it.
    private func bring(_ id: String, _ fetch: ModelFiles.Fetch, _ progress: LoadProgress) async {
        let (openings, opened) = AsyncStream.makeStream(of: (path: String, arrival: Arrival).self)
        async let early = loadEarly(id, openings)
        let fetched: (path: String, isAsShown: Bool)
        do {
            fetched = try await fetch({ progress.record($0, of: $1) }, { opened.yield(($0, $1)) })
            opened.finish()
        } catch {
            opened.finish()
            _ = try? await early
            return finish(id, .failure(error))
        }
        // What was read of files that turned out to be the wrong ones is thrown away.
        if let model = try? await early, fetched.isAsShown { return finish(id, .success(model)) }
        entries[id]?.plan = nil
        do { try start(id, fetched.path, progress) } catch { finish(id, .failure(error)) }
    }

    /// Loads from the first place that is named.
    /// - Returns: `nil` if none is.
    private func loadEarly(
        _ id: String, _ openings: AsyncStream<(path: String, arrival: Arrival)>
    ) async throws -> LoadedModel? {
        for await (path, arrival) in openings {
            let checkpoint = try await LoadThread.run { try Checkpoint(path: path, arrival: arrival) }
            // Renamed while its files were opened: those that came after would count as missing.
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            return try await load(id, checkpoint, try makeRoom(for: checkpoint, id))
        }
        return nil
    }

    /// A plan for `checkpoint`; the models used longest ago go until there is one.
    private func makeRoom(for checkpoint: Checkpoint, _ id: String) throws -> MemoryPlan {
        while true {
            let taken =
                loaded.reduce(0) { $0 + $1.plan.totalBytes }
                + entries.values.reduce(0) { $0 + ($1.plan?.totalBytes ?? 0) }
            let available = options.memoryBytes.map { max(0, $0 - taken) } ?? AvailableMemory.bytes
            do {
                let plan = try MemoryPlan(
                    checkpoint, on: device, context: options.context, parallel: options.parallel, available: available,
                    cacheFormat: options.cacheFormat)
                entries[id]?.plan = plan
                return plan
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
            entries[id]?.lastFailure = .now
            logger.error("model can't be loaded", metadata: ["model": "\(id)", "error": "\(error)"])
        }
        fetches[id] = nil
        entries[id]?.plan = nil
        for waiter in entries[id]?.waiters ?? [] { waiter.resume() }
        entries[id]?.waiters = []
    }

    /// Gives up what is being fetched; who waits for it gets an error.
    public func stopFetching() { for fetch in fetches.values { fetch.cancel() } }

    /// Stops all engines, and what is being fetched.
    public func stop() {
        stopFetching()
        for model in loaded { model.engine.stop() }
    }
}
