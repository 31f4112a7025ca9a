import Foundation

/// What a look at all bytes of a model found.
public struct ModelCheck: Sendable {
    /// The model.
    public let model: StoredModel
    /// Files that are damaged: how many of their chunks, of how many.
    public let damaged: [(file: String, chunks: Int, of: Int)]
    /// Files that are missing or aren't part of the model.
    public let strange: [String]
    /// Whether its digests were known before; if not, nothing could be compared, and they are known from now on.
    public let wasKnown: Bool

    /// Whether all is as it was when the model came.
    public var isSound: Bool { damaged.isEmpty && strange.isEmpty }
}

extension ModelStore {
    /// Reads all bytes of a model again and compares them with what it was made of; blocks meanwhile.
    /// - Throws: ``StoreError``.
    public func verify(_ model: StoredModel) throws -> ModelCheck {
        guard let manifest = rememberedManifest(of: model) else {
            _ = try self.manifest(of: model)
            return ModelCheck(model: model, damaged: [], strange: [], wasKnown: false)
        }
        let paths = try paths(of: model)
        var damaged: [(file: String, chunks: Int, of: Int)] = []
        for file in manifest.files {
            guard let path = paths.first(where: { $0.name == file.name })?.path else { continue }
            let now = try hash(path, as: file.name)
            let same = zip(now.chunks, file.chunks).count { $0 == $1 }
            let count = max(now.chunks.count, file.chunks.count)
            if same < count || now.bytes != file.bytes { damaged.append((file.name, max(1, count - same), count)) }
        }
        let strange = Set(paths.map(\.name)).symmetricDifference(manifest.files.map(\.name))
        return ModelCheck(model: model, damaged: damaged, strange: strange.sorted(), wasKnown: true)
    }

    /// Deletes what interrupted pulls and imports left, and what belongs to no model any more, and makes one file of those
    /// that have the same bytes. What comes in right now, in whatever process, stays.
    /// - Returns: the bytes that were freed.
    /// - Throws: ``StoreError``.
    public func prune() throws(StoreError) -> Int {
        var freed = try shareEqualFiles()
        if FileManager.default.fileExists(atPath: incoming), try !isAnythingComing() {
            for name in try disk.names(in: incoming) { freed += try delete("\(incoming)/\(name)") }
        }
        guard FileManager.default.fileExists(atPath: manifests) else { return freed }
        let entries = Set(try models().map { ($0.path as NSString).lastPathComponent + ".json" })
        for name in try disk.names(in: manifests) where !entries.contains(name) {
            freed += try delete("\(manifests)/\(name)")
        }
        return freed
    }

    /// Whether a process holds the lock of a model that comes in.
    private func isAnythingComing() throws(StoreError) -> Bool {
        for name in try disk.names(in: incoming) where name.hasSuffix(Staging.lockSuffix) {
            let file = try disk.openFile("\(incoming)/\(name)", O_RDWR | O_NOFOLLOW)
            if try !disk.lock(file) { return true }
        }
        return false
    }

    private func delete(_ path: String) throws(StoreError) -> Int {
        if let bytes = try disk.stamp(of: path)?.bytes {
            try disk.delete(path)
            return bytes
        }
        var freed = 0
        for name in try disk.names(in: path) { freed += try delete("\(path)/\(name)") }
        try disk.delete(path)
        return freed
    }

    /// Copies a model out of the store.
    /// - Parameter destination: a file or folder that doesn't exist yet, or a folder that does, into which it goes.
    /// - Returns: where it lies now.
    /// - Throws: ``StoreError``; a copy that was begun is deleted again.
    public func export(_ name: String, to destination: String) throws(StoreError) -> String {
        guard let model = try find(name) else { throw .unknown(name) }
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: destination, isDirectory: &isFolder)
        let target =
            isThere && isFolder.boolValue ? "\(destination)/\((model.path as NSString).lastPathComponent)" : destination
        guard !FileManager.default.fileExists(atPath: target) else {
            throw .failed(operation: "export to", name: target, reason: "it exists; name another place")
        }
        do { try FileManager.default.copyItem(atPath: model.path, toPath: target) } catch {
            try? FileManager.default.removeItem(atPath: target)
            throw .failed(operation: "export to", name: target, reason: "\(error.localizedDescription)")
        }
        return target
    }
}
