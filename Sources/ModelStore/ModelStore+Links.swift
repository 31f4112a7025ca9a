import Foundation

/// One copy of the same bytes, however many names they have: hard links.
extension ModelStore {
    /// The complete model of that digest, if one of the store's is known to be it and looks as it did then.
    package func model(_ digest: Digest) throws(StoreError) -> StoredModel? {
        for model in try models() where try soundManifest(of: model)?.digest == digest { return model }
        return nil
    }

    /// Gives a model of the store one more name.
    /// - Throws: ``StoreError``.
    package func add(_ name: String, sameAs model: StoredModel) throws(StoreError) -> StoredModel {
        let checked = try ModelName(name)
        try refuseTwin(of: checked)
        let staging = try Staging(store: self, name: checked, source: "a link")
        try refuseTwin(of: checked)
        let manifest = try soundManifest(of: model)
        do throws(StoreError) {
            var links: [String] = []
            for (file, path) in try paths(of: model) {
                links.append("\(staging.folder)/\(file)")
                try disk.link(path, as: "\(staging.folder)/\(file)")
            }
            if let manifest {
                try keep(manifest, for: checked.entry(isFile: !model.isFolder), filesAt: links)
            }
            return try staging.publish(checked, file: model.isFolder ? nil : ModelManifest.singleFileName)
        } catch {
            staging.discard()
            throw error
        }
    }

    /// Makes one file of all that have the same root.
    /// - Returns: the bytes that were freed.
    /// - Throws: ``StoreError``; every file is whole then, too.
    func shareEqualFiles() throws(StoreError) -> Int {
        var originals: [Digest: String] = [:]
        var freed = 0
        for model in try models() {
            guard let manifest = try soundManifest(of: model) else { continue }
            let files = try paths(of: model)
            var isChanged = false
            for file in manifest.files where file.bytes > 0 {
                guard let path = files.first(where: { $0.name == file.name })?.path else { continue }
                guard let original = originals[file.root] else {
                    originals[file.root] = path
                    continue
                }
                guard try disk.stamp(of: original)?.inode != disk.stamp(of: path)?.inode else { continue }
                // Beside the store: what a kill leaves there belongs to no model, and the next prune deletes it.
                try disk.createFolder(incoming)
                let link = "\(incoming)/\(getpid()).link"
                try disk.link(original, as: link)
                try disk.publish(link, as: path)
                freed += file.bytes
                isChanged = true
            }
            if isChanged {
                try keep(manifest, for: (model.path as NSString).lastPathComponent, filesAt: files.map(\.path))
            }
        }
        return freed
    }
}
