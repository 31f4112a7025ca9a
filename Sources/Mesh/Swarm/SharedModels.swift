public import Logging
public import ModelStore

/// The models whose chunks this node passes on: those that its store holds, and those that come in, by whatever process.
public actor SharedModels {
    /// A file of a model, whole or growing.
    public struct Blob: Sendable {
        /// Where it lies.
        public let path: String
        /// Its size once it is whole.
        public let bytes: Int
        /// The number of its first chunk in the model, and the chunks that are here; `nil`: it is whole.
        private let growing: (firstChunk: Int, have: ChunkSet)?

        fileprivate init(path: String, bytes: Int, growing: (firstChunk: Int, have: ChunkSet)? = nil) {
            self.path = path
            self.bytes = bytes
            self.growing = growing
        }

        /// Whether all bytes of a range are here and verified.
        public func holds(_ range: Range<Int>) -> Bool {
            guard range.lowerBound >= 0, !range.isEmpty, range.upperBound <= bytes else { return false }
            guard let growing else { return true }
            let first = range.lowerBound / ModelManifest.chunkBytes
            let last = (range.upperBound - 1) / ModelManifest.chunkBytes
            return (first...last).allSatisfy { growing.have.contains(growing.firstChunk + $0) }
        }
    }

    private struct Whole {
        let model: StoredModel
        let manifest: ModelManifest
    }

    private let store: ModelStore
    private let logger: Logger
    private var whole: [Whole] = []
    private var partial: [PartialModel] = []
    /// Models that can't be shared; said once.
    private var unfit: Set<String> = []
    /// One look at a time: two would hash the same model twice.
    private var refreshing: Task<Void, Never>?

    /// What `store` holds; ``refresh()`` looks.
    public init(store: ModelStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Looks at what the store holds now; models that are new are hashed, which takes about a second for a gigabyte.
    public func refresh() async {
        if let refreshing { return await refreshing.value }
        let task = Task { await look() }
        refreshing = task
        await task.value
        refreshing = nil
    }

    private func look() async {
        let store = store
        let known = Dictionary(whole.map { ($0.model.path, $0) }) { $1 }
        var found: [Whole] = []
        for model in (try? await OffPool.run({ try store.models() })) ?? [] {
            if let old = known[model.path], old.model.modified == model.modified, old.model.bytes == model.bytes {
                found.append(old)
                continue
            }
            do {
                found.append(
                    Whole(model: model, manifest: try await OffPool.run { try store.manifest(of: model) }))
            } catch {
                guard unfit.insert(model.name).inserted else { continue }
                logger.warning("model isn't shared", metadata: ["model": "\(model.name)", "reason": "\(error)"])
            }
        }
        whole = found
        await refreshPartial()
    }

    /// Looks at what comes in; cheap enough for every time that somebody asks for what isn't known.
    private func refreshPartial() async {
        let (store, known) = (store, partial)
        partial = (try? await OffPool.run { try store.partialModels(known: known) }) ?? []
    }

    /// The complete model of that name, as far as the last look goes.
    func whole(named name: String) -> (model: StoredModel, manifest: ModelManifest)? {
        whole.first { $0.model.name == name }.map { ($0.model, $0.manifest) }
    }

    /// The complete models by name.
    public var entries: [ModelEntry] {
        whole.map { ModelEntry(id: $0.model.name, digest: $0.manifest.digest.text, bytes: $0.manifest.bytes) }
    }

    /// What models come in, by digest.
    public func arriving() async -> [(digest: Digest, bytes: Int)] {
        await refreshPartial()
        return partial.map { ($0.manifest.digest, $0.manifest.bytes) }
    }

    /// The manifest of a model that is here or comes in.
    public func manifest(_ digest: Digest) async -> ModelManifest? {
        if let model = whole.first(where: { $0.manifest.digest == digest }) { return model.manifest }
        return await arriving(digest)?.manifest
    }

    private func arriving(_ digest: Digest) async -> PartialModel? {
        if let known = partial.first(where: { $0.manifest.digest == digest }) { return known }
        await refreshPartial()
        return partial.first { $0.manifest.digest == digest }
    }

    /// The chunks of a model that are here, and those that are about to come.
    public func possession(of digest: Digest) async -> Possession? {
        if let all = all(of: digest) { return all }
        guard let model = await arriving(digest) else { return nil }
        if let possession = try? store.possession(of: model) { return possession }
        // It has been published or given up meanwhile.
        await refresh()
        return all(of: digest)
    }

    private func all(of digest: Digest) -> Possession? {
        whole.first { $0.manifest.digest == digest }.map {
            Possession(have: ChunkSet(chunkCount: $0.manifest.chunkCount, isFull: true))
        }
    }

    /// The file whose Merkle root is `root`.
    public func blob(_ root: Digest) async -> Blob? {
        if let blob = wholeBlob(root) { return blob }
        if let blob = growingBlob(root) { return blob }
        await refresh()
        return wholeBlob(root) ?? growingBlob(root)
    }

    private func wholeBlob(_ root: Digest) -> Blob? {
        for model in whole {
            guard let file = model.manifest.files.first(where: { $0.root == root }) else { continue }
            let path = model.model.isFolder ? "\(model.model.path)/\(file.name)" : model.model.path
            return Blob(path: path, bytes: file.bytes)
        }
        return nil
    }

    private func growingBlob(_ root: Digest) -> Blob? {
        for model in partial {
            var firstChunk = 0
            for file in model.manifest.files {
                if file.root == root, let have = try? store.possession(of: model).have {
                    return Blob(
                        path: "\(model.folder)/\(file.name)", bytes: file.bytes, growing: (firstChunk, have))
                }
                firstChunk += file.chunks.count
            }
        }
        return nil
    }
}
