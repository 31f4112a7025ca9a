package import ModelStore
import Synchronization

/// A node that may have chunks of a model.
public struct SwarmSource: Sendable, Hashable {
    /// Its id.
    public let id: String
    /// Where it answers.
    public let address: NodeAddress

    /// A source.
    public init(id: String, address: NodeAddress) {
        self.id = id
        self.address = address
    }
}

/// How far a pull from peers has come.
public struct SwarmProgress: Sendable {
    /// Verified bytes that are here.
    public var bytes: Int
    /// Bytes in all.
    public let totalBytes: Int
    /// Verified bytes by the source they came from, of this attempt.
    public var bytesBySource: [String: Int] = [:]
    /// Sources that are asked now.
    public var sources = 0
    /// Sources that sent wrong bytes.
    public var liars: [String] = []

    /// A pull that is so far.
    public init(bytes: Int, totalBytes: Int, sources: Int = 0) {
        self.bytes = bytes
        self.totalBytes = totalBytes
        self.sources = sources
    }
}

/// Another place than a node that has all of a model.
package struct SwarmMirror: Sendable {
    /// What the figures call it.
    package static let id = "hub"
    /// Fetches the bytes of a chunk, unchecked, into a buffer whose memory is used again.
    let chunk: @Sendable (_ chunk: ModelManifest.Chunk, _ buffer: inout [UInt8]) async throws -> Void

    package init(chunk: @escaping @Sendable (ModelManifest.Chunk, inout [UInt8]) async throws -> Void) {
        self.chunk = chunk
    }
}

/// Fetches a model's chunks from all nodes that have some, until it is complete.
///
/// The plan decides; this carries it out: a task for each request, and one loop that all results come back to.
package struct SwarmPull: Sendable {
    private enum Event: Sendable {
        case tick
        case sources([SwarmSource])
        case possession(SwarmSource, Possession?)
        case chunk(Int, from: String, Result<Bool, any Error>)
    }

    private let model: IncomingModel
    private let ownID: String
    private let client: PeerClient
    private let mirror: SwarmMirror?
    private let findSources: @Sendable () async -> [SwarmSource]
    private let buffers = ChunkBuffers()

    /// A pull of `model`.
    /// - Parameters:
    ///   - mirror: asked for chunks besides the nodes; it knows what the right bytes are, so the manifest is at fault where
    ///     it has others.
    ///   - findSources: asked again every few seconds: nodes may come and go meanwhile.
    package init(
        _ model: IncomingModel, ownID: String, client: PeerClient, mirror: SwarmMirror? = nil,
        findSources: @escaping @Sendable () async -> [SwarmSource]
    ) {
        self.model = model
        self.ownID = ownID
        self.client = client
        self.mirror = mirror
        self.findSources = findSources
    }

    private static let tick = Duration.milliseconds(100)
    /// How often sources are looked for, in ticks, and how often each is asked what it has.
    private static let searchTicks = 20
    private static let possessionTicks = 2
    /// How long the first answers of all sources are waited for, in ticks.
    private static let patienceAtStart = 5
    package static let possessionInterval = tick * possessionTicks
    /// After which a connection on which nothing comes is given up; the transport's own limit.
    package static let silence = Duration.seconds(10)
    /// How long a pull goes on while no chunk comes.
    private static let patience = Duration.seconds(60)

    /// Fetches until all chunks are here.
    /// - Throws: ``MeshError/noSource(_:)`` if for a minute nobody sent a right chunk; ``MeshError/otherModel(_:)`` if the
    ///   mirror has other bytes; ``StoreError`` if the disk takes no more. What is here stays, for the next attempt.
    package func run(progress: @escaping @Sendable (SwarmProgress) -> Void = { _ in }) async throws {
        let (events, source) = AsyncStream<Event>.makeStream()
        let (coming, told) = AsyncStream.makeStream(of: ChunkSet.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingDiscardingTaskGroup { group in
            defer { group.cancelAll() }
            var random = SystemRandomNumberGenerator()
            var state = State(
                plan: ChunkPlan(ownID: ownID, have: model.have, random: &random),
                coming: ChunkSet(chunkCount: model.chunks.count),
                progress: SwarmProgress(bytes: model.presentBytes, totalBytes: model.manifest.bytes))
            if mirror != nil {
                state.plan.update(SwarmMirror.id, has: ChunkSet(chunkCount: model.chunks.count, isFull: true))
            }
            group.addTask {
                while !Task.isCancelled {
                    source.yield(.tick)
                    try? await Task.sleep(for: Self.tick)
                }
            }
            group.addTask { [model] in
                // Only a hint for others: a disk that doesn't take it is heard of by the chunks.
                for await coming in coming { try? await OffPool.run { try model.tell(coming: coming) } }
            }
            for await event in events {
                try take(event, &state)
                state.plan.hurry(model.awaited)
                progress(state.progress)
                if state.plan.isComplete { return }
                for request in state.due(event) { group.addTask { source.yield(await perform(request)) } }
                if state.coming != state.plan.coming {
                    state.coming = state.plan.coming
                    told.yield(state.coming)
                }
            }
            // The stream ends only with the task.
            throw CancellationError()
        }
    }

    private enum Request: Sendable {
        case search
        case possession(SwarmSource)
        case chunk(Int, from: String, NodeAddress?)
    }

    private func perform(_ request: Request) async -> Event {
        switch request {
        case .search: return .sources(await findSources())
        case .possession(let source):
            let possession = try? await client.possession(
                of: model.manifest, chunkCount: model.chunks.count, at: source.address)
            return .possession(source, possession)
        case .chunk(let number, let id, let address):
            do {
                let chunk = model.chunks[number]
                var bytes = buffers.take()
                if let address {
                    try await client.chunk(chunk, of: model.manifest.files[chunk.file], at: address, into: &bytes)
                } else {
                    try await mirror?.chunk(chunk, &bytes)
                }
                let isRight = try await OffPool.run { [model, bytes] in try model.store(number, bytes) }
                buffers.put(bytes)
                return .chunk(number, from: id, .success(isRight))
            } catch { return .chunk(number, from: id, .failure(error)) }
        }
    }

    private func take(_ event: Event, _ state: inout State) throws {
        switch event {
        case .tick:
            state.ticks += 1
            let now = ContinuousClock.now
            state.asked = state.asked.filter { state.plan.isAsked($0.key) }
            for (chunk, since) in state.asked where now - since > state.pace.overdue { state.plan.isOverdue(chunk) }
            guard now - state.lastChunk < Self.patience else {
                throw MeshError.noSource(model.manifest.digest.text)
            }
        case .sources(let sources):
            state.isSearching = false
            for source in sources { state.sources[source.id] = source }
            if mirror != nil { state.plan.forgive(SwarmMirror.id) }
        case .possession(let source, let possession):
            state.asking.remove(source.id)
            if let possession {
                state.plan.update(source.id, has: possession.have, coming: possession.coming)
                state.plan.forgive(source.id)
            } else {
                state.plan.remove(source.id)
                state.sources[source.id] = nil
            }
        case .chunk(let number, let id, let result):
            try take(result, number, id, &state)
        }
        state.progress.sources = state.plan.usableCount
        state.progress.liars = state.plan.liars
    }

    private func take(
        _ result: Result<Bool, any Error>, _ number: Int, _ id: String, _ state: inout State
    ) throws {
        switch result {
        case .success(true):
            if let since = state.asked[number] { state.pace.took(since.duration(to: .now)) }
            guard state.plan.arrived(number, from: id) else { return }
            state.lastChunk = .now
            state.progress.bytesBySource[id, default: 0] += model.chunks[number].bytes
            state.progress.bytes += model.chunks[number].bytes
        case .success(false) where id == SwarmMirror.id: throw MeshError.otherModel(model.manifest.digest.text)
        case .success(false): state.plan.failed(number, from: id, .lied)
        case .failure(let error as StoreError): throw error
        case .failure(MeshError.badAnswer): state.plan.failed(number, from: id, .lied)
        case .failure(MeshError.refused): state.plan.failed(number, from: id, .refused)
        case .failure: state.plan.failed(number, from: id, .broken)
        }
    }

    private struct State {
        var plan: ChunkPlan
        /// What others were told last.
        var coming: ChunkSet
        var pace = ChunkPace()
        var progress: SwarmProgress
        var sources: [String: SwarmSource] = [:]
        var asking: Set<String> = []
        var asked: [Int: ContinuousClock.Instant] = [:]
        var lastChunk = ContinuousClock.now
        var ticks = 0
        var hasBegun = false
        var isSearching = false

        /// What is to be asked after an event.
        mutating func due(_ event: Event) -> [Request] {
            var requests: [Request] = []
            if case .tick = event {
                if ticks % SwarmPull.searchTicks == 1, !isSearching {
                    isSearching = true
                    requests.append(.search)
                }
                if ticks % SwarmPull.possessionTicks == 0 { requests += questions(sources.values.map { $0 }) }
            }
            if case .sources(let found) = event { requests += questions(found) }
            // Who receives too must be known before the first question, or all take the same share.
            if !hasBegun { hasBegun = !sources.isEmpty && asking.isEmpty || ticks > SwarmPull.patienceAtStart }
            guard hasBegun else { return requests }
            while let (chunk, id) = plan.nextRequest() {
                let address = sources[id]?.address
                guard address != nil || id == SwarmMirror.id else { break }
                if asked[chunk] == nil { asked[chunk] = .now }
                requests.append(.chunk(chunk, from: id, address))
            }
            return requests
        }

        private mutating func questions(_ candidates: [SwarmSource]) -> [Request] {
            candidates.filter { plan.wantsNews(of: $0.id) && asking.insert($0.id).inserted }.map { .possession($0) }
        }
    }
}

/// The memory of chunks that have been stored, for the next ones: the system would clear new memory each time.
private final class ChunkBuffers: Sendable {
    private let free = Mutex<[[UInt8]]>([])

    func take() -> [UInt8] { free.withLock { $0.popLast() ?? [] } }
    func put(_ buffer: [UInt8]) { free.withLock { $0.append(buffer) } }
}
