import Crypto
import Foundation

/// How far a pull has come.
public struct PullProgress: Sendable {
    /// Bytes that are here.
    public let bytes: Int
    /// Bytes in all.
    public let totalBytes: Int
}

extension ModelStore {
    /// Fetches a model: bytes go to a place beside the store, are checked, and appear under their name all at once. What
    /// an interrupted pull has fetched is hashed again and used by the next one.
    /// - Throws: ``StoreError``, ``HubError``, or what the transport throws.
    public func pull(
        _ reference: HubReference, name: String? = nil, from hub: Hub,
        progress: @Sendable (PullProgress) -> Void = { _ in }
    ) async throws -> StoredModel {
        let repositoryName = String(reference.repository.split(separator: "/").last ?? "")
        let wanted = name ?? reference.file.map { ($0 as NSString).deletingPathExtension } ?? repositoryName
        let checked = try ModelName(wanted)
        try refuseTwin(of: checked)
        let (names, commit) = try await hub.files(of: reference)
        let files = try await Self.selection(names, reference).asyncMap {
            try await hub.file($0, of: reference.repository, commit: commit)
        }
        let total = files.reduce(0) { $0 + $1.bytes }
        let place = try PullPlace(store: self, key: "\(reference.repository)@\(commit)/\(reference.file ?? "")")
        defer { place.unlock() }
        try FreeSpace.require(total - place.bytesPresent, at: incoming)
        var done = 0
        for file in files {
            let before = done
            try await place.fetch(file, from: hub) { progress(PullProgress(bytes: before + $0, totalBytes: total)) }
            done += file.bytes
        }
        let isFile = reference.file != nil
        try place.publish(isFile ? "\(checked.text).gguf" : checked.text, file: isFile ? files[0].name : nil)
        guard let stored = try find(checked.text) else { throw StoreError.unreadable(checked.text) }
        return stored
    }

    /// The files that are worth having: a named GGUF, or a folder's configuration, tokeniser and safetensors.
    private static func selection(_ names: [String], _ reference: HubReference) throws(HubError) -> [String] {
        if let file = reference.file {
            guard names.contains(file) else { throw .refused(what: file, status: 404) }
            guard file.hasSuffix(".gguf") else {
                throw .badAnswer(
                    what: file, reason: "only GGUF files are taken one by one; pull the repository instead")
            }
            return [file]
        }
        let plain: Set<String> = [
            "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
            "model.safetensors.index.json",
        ]
        let selected = names.filter { plain.contains($0) || $0.hasSuffix(".safetensors") }
        guard selected.contains("config.json"), selected.contains(where: { $0.hasSuffix(".safetensors") }) else {
            throw .nothingToTake(repository: reference.repository, ggufFiles: names.filter { $0.hasSuffix(".gguf") })
        }
        return selected
    }
}

extension Array {
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async throws -> [T] {
        var results: [T] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}

/// Where one pull's files grow: a folder named by what is pulled, so that the next attempt finds it; one process at a time.
private struct PullPlace {
    let folder: String
    private let store: ModelStore
    private let lock: Int32

    init(store: ModelStore, key: String) throws {
        self.store = store
        let digest = SHA256.hash(data: Data(key.utf8)).map { String(format: "%02x", $0) }.joined()
        folder = "\(store.incoming)/\(digest)"
        for folder in [store.folder, folder] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        lock = open("\(folder).lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw HubError.busy(key) }
    }

    func unlock() {
        flock(lock, LOCK_UN)
        close(lock)
    }

    /// Bytes that an earlier attempt left.
    var bytesPresent: Int {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.reduce(0) { sum, file in
            sum + (((try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(file)"))?[.size] as? Int) ?? 0)
        }
    }

    /// Completes one file and checks it.
    func fetch(_ file: Hub.RemoteFile, from hub: Hub, progress: (Int) -> Void) async throws {
        let path = "\(folder)/\(file.name)"
        // A link in this place would write somewhere else.
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw StoreError.unreadable(file.name) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        defer { try? handle.close() }
        var digest = FileDigest(file)
        var size = 0
        while let piece = try handle.read(upToCount: 4 << 20), !piece.isEmpty {
            digest.update(piece)
            size += piece.count
        }
        if size > file.bytes { (size, digest) = (0, FileDigest(file)) }
        if size < file.bytes {
            let (body, resumes) = try await hub.body(of: file, from: size)
            if !resumes { (size, digest) = (0, FileDigest(file)) }
            try handle.truncate(atOffset: UInt64(size))
            for try await piece in body {
                guard size + piece.count <= file.bytes else { break }
                try handle.write(contentsOf: piece)
                digest.update(Data(piece))
                size += piece.count
                progress(size)
            }
            try handle.synchronize()
        }
        guard size == file.bytes else {
            throw HubError.badAnswer(
                what: file.name, reason: "it ended after \(size) of \(file.bytes) bytes; pull again to go on")
        }
        guard digest.matches() else {
            try? FileManager.default.removeItem(atPath: path)
            throw HubError.damaged(file: file.name)
        }
        progress(size)
    }

    /// Makes the files read-only and gives them their name.
    func publish(_ entry: String, file: String?) throws {
        let target = "\(store.folder)/\(entry)"
        guard !FileManager.default.fileExists(atPath: target) else { throw StoreError.exists(entry) }
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: "\(folder)/\(name)")
        }
        try FileManager.default.moveItem(atPath: file.map { "\(folder)/\($0)" } ?? folder, toPath: target)
        if file != nil { try? FileManager.default.removeItem(atPath: folder) }
        try? FileManager.default.removeItem(atPath: "\(folder).lock")
    }
}

/// The digest that a file's entity tag names.
private struct FileDigest {
    private enum Kind {
        case sha256(SHA256)
        case gitBlob(Insecure.SHA1)
        /// The tag is no digest: the size is all that can be checked.
        case none
    }
    private let tag: String
    private var kind: Kind

    init(_ file: Hub.RemoteFile) {
        tag = file.tag
        let isHexadecimal = file.tag.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        switch (isHexadecimal, file.tag.utf8.count) {
        case (true, 64): kind = .sha256(SHA256())
        case (true, 40):
            var hash = Insecure.SHA1()
            hash.update(data: Data("blob \(file.bytes)\0".utf8))
            kind = .gitBlob(hash)
        default: kind = .none
        }
    }

    mutating func update(_ data: Data) {
        switch kind {
        case .sha256(var hash):
            hash.update(data: data)
            kind = .sha256(hash)
        case .gitBlob(var hash):
            hash.update(data: data)
            kind = .gitBlob(hash)
        case .none: break
        }
    }

    func matches() -> Bool {
        func text(_ digest: some Sequence<UInt8>) -> String { digest.map { String(format: "%02x", $0) }.joined() }
        return switch kind {
        case .sha256(let hash): text(hash.finalize()) == tag
        case .gitBlob(let hash): text(hash.finalize()) == tag
        case .none: true
        }
    }
}
