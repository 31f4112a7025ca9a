import Foundation
import OrderedJSON

extension ModelStore {
    /// What a model is made of. It is hashed the first time, and again when a file has changed since; blocks meanwhile.
    /// - Throws: ``StoreError``, or ``ManifestError`` if its files can't be named in a manifest.
    public func manifest(of model: StoredModel) throws -> ModelManifest {
        let paths = try paths(of: model)
        let stamps = try stamps(of: paths.map(\.path))
        if let kept = keptManifest(of: model, stamps: stamps) { return kept }
        var files: [ModelManifest.File] = []
        for (name, path) in paths {
            guard HubReference.isComponent(name) else {
                throw ManifestError("'\(model.name)' holds a file whose name can't be shared: '\(name)'")
            }
            files.append(try hash(path, as: name))
        }
        let manifest = ModelManifest(kind: model.isFolder ? .folder : .file, files: files)
        // Who changed a file while it was hashed gets no manifest that says otherwise.
        guard try self.stamps(of: paths.map(\.path)) == stamps else { throw StoreError.unreadable(model.name) }
        try keep(manifest, for: (model.path as NSString).lastPathComponent, stamps: stamps)
        return manifest
    }

    /// The files of a model by their names in its manifest.
    package func paths(of model: StoredModel) throws(StoreError) -> [(name: String, path: String)] {
        guard model.isFolder else { return [(ModelManifest.singleFileName, model.path)] }
        var paths: [(name: String, path: String)] = []
        for name in try disk.names(in: model.path).sorted() where try disk.stamp(of: "\(model.path)/\(name)") != nil {
            paths.append((name, "\(model.path)/\(name)"))
        }
        return paths
    }

    private func stamps(of paths: [String]) throws(StoreError) -> [FileStamp?] {
        var stamps: [FileStamp?] = []
        for path in paths { stamps.append(try disk.stamp(of: path)) }
        return stamps
    }

    func hash(_ path: String, as name: String) throws(StoreError) -> ModelManifest.File {
        let file = try disk.openFile(path, O_RDONLY | O_NOFOLLOW)
        var chunks: [Digest] = []
        var bytes = 0
        while true {
            let chunk = try disk.readWhole(file, at: bytes, upTo: ModelManifest.chunkBytes)
            if chunk.isEmpty { break }
            chunks.append(MerkleTree.leaf(chunk))
            bytes += chunk.count
        }
        return ModelManifest.File(name: name, bytes: bytes, chunks: chunks)
    }

    /// The manifest that is kept of a model, if its files look as they did when they were hashed.
    private func keptManifest(of model: StoredModel, stamps: [FileStamp?]) -> ModelManifest? {
        guard let (kept, manifest) = kept(of: model), kept == stamps else { return nil }
        return manifest
    }

    /// The manifest that is kept of a model, if its files look as they did; nothing is hashed.
    func soundManifest(of model: StoredModel) throws(StoreError) -> ModelManifest? {
        keptManifest(of: model, stamps: try stamps(of: try paths(of: model).map(\.path)))
    }

    /// The manifest that is kept of a model, whatever its files look like now.
    func rememberedManifest(of model: StoredModel) -> ModelManifest? { kept(of: model)?.manifest }

    private func kept(of model: StoredModel) -> (stamps: [FileStamp?], manifest: ModelManifest)? {
        let path = "\(manifests)/\((model.path as NSString).lastPathComponent).json"
        guard let data = FileManager.default.contents(atPath: path), data.count <= 2 * ModelManifest.mostBytes,
            let end = data.firstIndex(of: UInt8(ascii: "\n")),
            let stamps = try? JSONValue(parsing: Array(data[..<end]))["stamps"]?.array,
            let manifest = try? ModelManifest(parsing: Array(data[(end + 1)...]))
        else { return nil }
        return (stamps.map { FileStamp(numbers: $0.array?.compactMap(\.integer) ?? []) }, manifest)
    }

    /// Keeps a manifest beside the model, with what its files look like now.
    func keep(_ manifest: ModelManifest, for entry: String, filesAt paths: [String]) throws(StoreError) {
        try keep(manifest, for: entry, stamps: stamps(of: paths))
    }

    private func keep(_ manifest: ModelManifest, for entry: String, stamps: [FileStamp?]) throws(StoreError) {
        try disk.createFolder(manifests)
        let head: JSONValue = [
            "stamps": .array(stamps.map { .array(($0?.numbers ?? []).map { .integer($0) }) })
        ]
        try disk.replace(
            "\(manifests)/\(entry).json",
            with: head.serializedBytes + [UInt8(ascii: "\n")] + manifest.json.serializedBytes)
    }
}

extension Disk {
    /// `bytes` bytes from `offset` on, or fewer only where the file ends.
    func readWhole(_ file: borrowing OpenFile, at offset: Int, upTo bytes: Int) throws(StoreError) -> [UInt8] {
        var piece = try readBytes(file, at: offset, upTo: bytes)
        while piece.count < bytes {
            let more = try readBytes(file, at: offset + piece.count, upTo: bytes - piece.count)
            if more.isEmpty { break }
            piece += more
        }
        return piece
    }
}
