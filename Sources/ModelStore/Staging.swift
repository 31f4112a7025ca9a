import Foundation

/// A place beside the store where a model grows until it is whole; a rename then publishes it. What is left of a crash is
/// found nowhere but here.
struct Staging {
    let path: String
    private let target: String
    private let entry: String

    /// A fresh place for what will be `models/<entry>`.
    init(store: ModelStore, entry: String) throws(StoreError) {
        self.entry = entry
        path = "\(store.incoming)/\(UUID().uuidString)"
        target = "\(store.folder)/\(entry)"
        for folder in [store.folder, store.incoming] {
            do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
                throw .failed(operation: "create a folder in", name: "the store", reason: error.localizedDescription)
            }
        }
    }

    /// Copies a file, or the plain files of a folder: links and folders inside it are not followed.
    func copy(_ source: String, isFolder: Bool) throws(StoreError) {
        let files = isFolder ? ((try? FileManager.default.contentsOfDirectory(atPath: source)) ?? []).sorted() : [""]
        let sizes = files.map { file in
            ((try? FileManager.default.attributesOfItem(atPath: file.isEmpty ? source : "\(source)/\(file)"))?[.size]
                as? Int) ?? 0
        }
        try FreeSpace.require(sizes.reduce(0, +), at: (path as NSString).deletingLastPathComponent)
        do {
            if isFolder { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }
            for file in files {
                let from = file.isEmpty ? source : "\(source)/\(file)"
                let resolved = (from as NSString).resolvingSymlinksInPath
                var isInnerFolder: ObjCBool = false
                guard FileManager.default.fileExists(atPath: resolved, isDirectory: &isInnerFolder),
                    !isInnerFolder.boolValue
                else { continue }
                try FileManager.default.copyItem(atPath: resolved, toPath: file.isEmpty ? path : "\(path)/\(file)")
            }
        } catch {
            discard()
            throw .failed(
                operation: "copy", name: (source as NSString).lastPathComponent, reason: error.localizedDescription)
        }
    }

    /// Makes everything read-only, writes it through to the disk, and gives it its name.
    func publish() throws(StoreError) {
        guard !FileManager.default.fileExists(atPath: target) else {
            discard()
            throw .exists(entry)
        }
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path))?.map { "\(path)/\($0)" } ?? [path]
        for file in files {
            guard let handle = FileHandle(forReadingAtPath: file) else { continue }
            fsync(handle.fileDescriptor)
            try? handle.close()
            try? FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: file)
        }
        do { try FileManager.default.moveItem(atPath: path, toPath: target) } catch {
            discard()
            throw .failed(operation: "publish", name: entry, reason: error.localizedDescription)
        }
    }

    /// Removes what is here.
    func discard() { try? FileManager.default.removeItem(atPath: path) }
}

/// Room on a disk.
enum FreeSpace {
    /// Kept free for everything else.
    private static let reserveBytes = 64 << 20

    /// - Throws: ``StoreError/noSpace(needed:free:)`` with both figures.
    static func require(_ bytes: Int, at folder: String) throws(StoreError) {
        guard let free = (try? FileManager.default.attributesOfFileSystem(forPath: folder))?[.systemFreeSize] as? Int
        else { return }
        guard bytes <= free - reserveBytes else { throw .noSpace(needed: bytes + reserveBytes, free: free) }
    }
}
