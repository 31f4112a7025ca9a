import Crypto
import Foundation

/// A place beside the store where a model grows until it is whole; a rename then publishes it.
///
/// It is named by what grows there, so that the next attempt finds what an interrupted one left. While this value lives, no
/// other process brings in a model of that name.
struct Staging: ~Copyable {
    /// Where the files grow.
    let folder: String
    let store: ModelStore
    private let lock: OpenFile

    /// The place where what `source` names becomes the model `name`.
    /// - Throws: ``StoreError/busy(_:holder:)``, or ``StoreError/failed(operation:name:reason:)``.
    init(store: ModelStore, name: ModelName, source: String) throws(StoreError) {
        let folder = "\(store.incoming)/\(Self.digest("\(source) as \(name.text)"))"
        try store.disk.createFolder(store.folder)
        try store.disk.createFolder(store.incoming)
        // Of names that some file systems take for one, one may come in at a time: what is asked before, whether the name is
        // free, then holds until the rename.
        let lock = try Self.lock(
            "\(store.incoming)/\(Self.digest(name.folded))\(Self.lockSuffix)", of: name.text, on: store.disk)
        try store.disk.createFolder(folder)
        self.store = store
        self.folder = folder
        self.lock = lock
    }

    private static func digest(_ text: String) -> String {
        hexadecimal(SHA256.hash(data: Data(text.utf8)))
    }

    private static func lock(_ path: String, of name: String, on disk: Disk) throws(StoreError) -> OpenFile {
        while true {
            let file = try disk.openFile(path, O_RDWR | O_CREAT | O_NOFOLLOW)
            guard try disk.lock(file) else {
                let text = String(decoding: try disk.readBytes(file, at: 0, upTo: 20), as: UTF8.self)
                throw .busy(name, holder: Int(text))
            }
            // Who publishes deletes the file: a lock on what was opened just before that would keep nobody out.
            guard try disk.isInPlace(file) else { continue }
            try disk.cut(file, to: 0)
            try disk.write(Array("\(getpid())".utf8), to: file, at: 0)
            return file
        }
    }

    /// Where the manifest of what comes in by chunks lies, for other processes to read.
    var recordPath: String { folder + Self.recordSuffix }
    /// Where the bits of the chunks that are here lie.
    var possessionPath: String { folder + Self.possessionSuffix }
    static let lockSuffix = ".lock"
    static let recordSuffix = ".json"
    static let possessionSuffix = ".have"

    /// Makes a file that is whole read-only, and waits until the disk has it.
    func complete(_ file: borrowing OpenFile) throws(StoreError) {
        try store.disk.setMode(file, 0o444)
        try store.disk.synchronise(file)
    }

    /// Gives complete files their name in the store, all at once and for good: a loss of power doesn't undo it.
    /// - Parameter file: the one file that is the model; none: the folder is.
    /// - Throws: ``StoreError/failed(operation:name:reason:)``; the model is in the store then or not, but never in part.
    func publish(_ name: ModelName, file: String?) throws(StoreError) -> StoredModel {
        let disk = store.disk
        let entry = name.entry(isFile: file != nil)
        try disk.synchroniseFolder(folder)
        try disk.publish(file.map { "\(folder)/\($0)" } ?? folder, as: "\(store.folder)/\(entry)")
        for folder in [store.folder, store.home] { try disk.synchroniseFolder(folder) }
        removePlace()
        guard let stored = try store.find(name.text) else { throw .unreadable(name.text) }
        return stored
    }

    /// Deletes what is here.
    func discard() {
        for name in (try? store.disk.names(in: folder)) ?? [] { try? store.disk.delete("\(folder)/\(name)") }
        removePlace()
    }

    /// An empty folder and a lock that nobody holds do no harm: if they can't be deleted, nothing has failed.
    private func removePlace() {
        for path in [folder, recordPath, possessionPath] { try? store.disk.delete(path) }
        try? store.disk.delete(lock.path)
    }
}

extension Staging {
    /// Copies a file, or the plain files of a folder: links are followed, folders inside it are left.
    /// - Throws: ``StoreError``.
    func copy(_ source: String, isFolder: Bool, as entry: String) throws(StoreError) {
        let disk = store.disk
        // What an interrupted import left may come from another source.
        for name in try disk.names(in: folder) { try disk.delete("\(folder)/\(name)") }
        var files: [(name: String, path: String, bytes: Int)] = []
        for name in isFolder ? try disk.names(in: source).sorted() : [entry] {
            let path = isFolder ? "\(source)/\(name)" : source
            if let bytes = try disk.size(of: path) { files.append((name, path, bytes)) }
        }
        guard !files.isEmpty else { throw .unreadable((source as NSString).lastPathComponent) }
        try disk.requireSpace(files.reduce(0) { $0 + $1.bytes }, at: folder)
        for file in files { try copy(file.path, as: file.name, bytes: file.bytes) }
    }

    private func copy(_ source: String, as name: String, bytes: Int) throws(StoreError) {
        let disk = store.disk
        let original = try disk.openFile(source, O_RDONLY | O_NONBLOCK)
        let copy = try disk.openFile("\(folder)/\(name)", O_WRONLY | O_CREAT | O_EXCL)
        var size = 0
        while true {
            let piece = try disk.readBytes(original, at: size, upTo: 4 << 20)
            if piece.isEmpty { break }
            try disk.write(piece, to: copy, at: size)
            size += piece.count
        }
        guard size == bytes else {
            throw .failed(operation: "copy", name: name, reason: "it changed meanwhile; import it again")
        }
        try complete(copy)
    }
}
