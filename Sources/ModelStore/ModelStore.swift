public import Foundation

/// The models that this machine keeps: `$HYBRIE_HOME/models`, a file or folder each, read-only once it is complete.
public struct ModelStore: Sendable {
    /// The folder that everything of HybrIE lies in.
    public let home: String
    /// Where complete models lie.
    public var folder: String { "\(home)/models" }
    /// Where models lie while they come in; on the same file system, so that a rename publishes them.
    var incoming: String { "\(home)/incoming" }
    /// What models are made of, by the name of their file or folder; can be made anew from them.
    var manifests: String { "\(home)/manifests" }

    /// What models come in by.
    let disk: Disk

    /// The store in `home`; nothing is created until something is stored.
    public init(home: String) { self.init(home: home, disk: Disk()) }

    /// The same on another disk, for tests.
    package init(home: String, disk: Disk) {
        self.home = home
        self.disk = disk
    }

    /// All complete models, sorted by name.
    /// - Throws: ``StoreError/unreadable(_:)`` if the folder is there but can't be read.
    public func models() throws(StoreError) -> [StoredModel] {
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw .unreadable("models")
        }
        return names.sorted().compactMap(model(inEntry:))
    }

    /// The model of that name, if it is here.
    public func find(_ name: String) throws(StoreError) -> StoredModel? {
        try models().first { $0.name.utf8.elementsEqual(name.utf8) }
    }

    private func model(inEntry entry: String) -> StoredModel? {
        let path = "\(folder)/\(entry)"
        guard !entry.hasPrefix("."), let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
            return nil
        }
        let date = attributes[.modificationDate] as? Date ?? Date(timeIntervalSince1970: 0)
        switch attributes[.type] as? FileAttributeType {
        case .typeRegular? where entry.hasSuffix(".gguf"):
            return StoredModel(
                name: String(entry.dropLast(5)), path: path, isFolder: false, bytes: (attributes[.size] as? Int) ?? 0,
                modified: date)
        case .typeDirectory?:
            let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            let bytes = files.reduce(0) { sum, file in
                sum + (((try? FileManager.default.attributesOfItem(atPath: "\(path)/\(file)"))?[.size] as? Int) ?? 0)
            }
            return StoredModel(name: entry, path: path, isFolder: true, bytes: bytes, modified: date)
        default: return nil
        }
    }

    /// Copies a model in: whole and synchronised to disk before it appears under its name.
    /// - Parameters:
    ///   - source: a GGUF file, or a folder in Hugging Face's layout; the caller has opened it as a checkpoint.
    ///   - name: what it will be called; the file's or folder's own name if none is given.
    /// - Throws: ``StoreError``; nothing is left under the final name then.
    public func importModel(from source: String, name: String? = nil) throws(StoreError) -> StoredModel {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: source, isDirectory: &isFolder) else {
            throw .unreadable((source as NSString).lastPathComponent)
        }
        let last = (source as NSString).lastPathComponent
        let name = name ?? (isFolder.boolValue ? last : (last as NSString).deletingPathExtension)
        let checked = try ModelName(name)
        let entry = checked.entry(isFile: !isFolder.boolValue)
        let staging = try Staging(store: self, name: checked, source: "a file here")
        do throws(StoreError) {
            try refuseTwin(of: checked)
            try staging.copy(source, isFolder: isFolder.boolValue, as: entry)
            return try staging.publish(checked, file: isFolder.boolValue ? nil : entry)
        } catch {
            staging.discard()
            throw error
        }
    }

    /// Deletes a model.
    /// - Throws: ``StoreError/unknown(_:)``, or ``StoreError/failed(operation:name:reason:)``.
    public func remove(_ name: String) throws(StoreError) {
        guard let model = try find(name) else { throw .unknown(name) }
        do { try FileManager.default.removeItem(atPath: model.path) } catch {
            throw .failed(operation: "delete", name: name, reason: "\(error.localizedDescription)")
        }
    }

    /// A name that another one equals but for case or composed characters would be the same file on some systems.
    func refuseTwin(of name: ModelName) throws(StoreError) {
        let folded = name.folded
        for model in try models() {
            guard let other = try? ModelName(model.name), other.folded == folded else { continue }
            throw .exists(model.name)
        }
    }
}

/// A model in the store.
public struct StoredModel: Sendable {
    /// What requests call it.
    public let name: String
    /// Where it lies.
    public let path: String
    /// Whether it is a folder in Hugging Face's layout rather than one GGUF file.
    public let isFolder: Bool
    /// What it takes on disk.
    public let bytes: Int
    /// When it came.
    public let modified: Date
}
