import Foundation
public import OrderedJSON

/// What a model is made of: its files, and the digest of each of their chunks. Whoever has the manifest can check every
/// chunk by itself, wherever it came from.
public struct ModelManifest: Sendable, Equatable {
    /// How a model lies in the store.
    public enum Kind: String, Sendable {
        /// One GGUF file.
        case file
        /// A folder in Hugging Face's layout.
        case folder
    }

    /// A file of the model.
    public struct File: Sendable, Equatable {
        /// Its name inside the folder; `model.gguf` for a model that is one file, whatever it is called in the store.
        public let name: String
        /// Its size.
        public let bytes: Int
        /// The Merkle root over its chunks, which is its identity.
        public let root: Digest
        /// The digests of its chunks in order; the last chunk may be shorter.
        package let chunks: [Digest]

        package init(name: String, bytes: Int, chunks: [Digest]) {
            self.name = name
            self.bytes = bytes
            self.chunks = chunks
            root = MerkleTree.root(chunks)
        }
    }

    /// How the model lies in the store.
    public let kind: Kind
    /// Its files, sorted by name.
    public let files: [File]
    /// What names the model, whatever it is called: kind, names, sizes and roots hashed together.
    public let digest: Digest

    package init(kind: Kind, files: [File]) {
        self.kind = kind
        self.files = files.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let lines = self.files.map { "\($0.root.text) \($0.bytes) \($0.name)\n" }
        digest = Digest(of: Array("hybrie model 1 \(kind.rawValue)\n\(lines.joined())".utf8))
    }

    /// Bytes of a chunk; the last one of a file may have fewer.
    package static let chunkBytes = 1 << 20
    /// The name of the file of a model that is one.
    package static let singleFileName = "model.gguf"

    /// Bytes of all files.
    public var bytes: Int { files.reduce(0) { $0 + $1.bytes } }
    /// Chunks of all files.
    package var chunkCount: Int { files.reduce(0) { $0 + $1.chunks.count } }
}

extension ModelManifest {
    /// A chunk, and where it lies.
    package struct Chunk: Sendable {
        /// The place of its file in ``ModelManifest/files``.
        package let file: Int
        /// Where it begins in the file.
        package let offset: Int
        /// Its length.
        package let bytes: Int
        /// Its digest.
        package let digest: Digest
    }

    /// All chunks, file after file; their places here are the numbers that nodes call them by.
    package var chunks: [Chunk] {
        files.enumerated().flatMap { place, file in
            file.chunks.enumerated().map { index, digest in
                let offset = index * Self.chunkBytes
                return Chunk(
                    file: place, offset: offset, bytes: min(Self.chunkBytes, file.bytes - offset), digest: digest)
            }
        }
    }
}

extension ModelManifest {
    /// The manifest as nodes exchange and keep it.
    public var json: JSONValue {
        [
            "format": 1, "kind": .string(kind.rawValue), "digest": .string(digest.text),
            "files": .array(
                files.map { file in
                    [
                        "name": .string(file.name), "bytes": .integer(file.bytes), "root": .string(file.root.text),
                        "chunks": .string(Data(file.chunks.flatMap(\.bytes)).base64EncodedString()),
                    ]
                }),
        ]
    }

    /// The most that a manifest's text may have.
    package static let mostBytes = 16 << 20
    /// 16 TiB: far above any model, and sums of such sizes don't overflow.
    private static let mostModelBytes = 1 << 44
    private static let mostFiles = 10_000
    private static let mostChunks = 1_000_000

    /// Reads what another node, or a file, says a model is made of, and checks that it agrees with itself.
    /// - Throws: ``ManifestError`` naming the first fault.
    package init(parsing bytes: [UInt8]) throws(ManifestError) {
        let limits = JSONLimits(bytes: Self.mostBytes, depth: 4, values: 5 * Self.mostFiles + 8)
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes, limits: limits) } catch { throw ManifestError("\(error)") }
        try self.init(value)
    }

    private init(_ value: JSONValue) throws(ManifestError) {
        guard value["format"]?.integer == 1 else { throw ManifestError("'format' isn't 1") }
        guard let kind = value["kind"]?.string.flatMap(Kind.init) else {
            throw ManifestError("'kind' is neither file nor folder")
        }
        guard let listed = value["files"]?.array, (1...Self.mostFiles).contains(listed.count) else {
            throw ManifestError("'files' must list 1 to \(Self.mostFiles) files")
        }
        var files: [File] = []
        var names: Set<String> = []
        var (total, chunks) = (0, 0)
        for entry in listed {
            let file = try File(entry, kind: kind)
            // Names that some file systems can't tell apart would write over each other.
            guard names.insert(file.name.precomposedStringWithCanonicalMapping.lowercased()).inserted else {
                throw ManifestError("'\(file.name)' stands there twice")
            }
            total += file.bytes
            chunks += file.chunks.count
            guard total <= Self.mostModelBytes, chunks <= Self.mostChunks else {
                throw ManifestError("it has more than \(Self.mostChunks) chunks or \(Self.mostModelBytes) bytes")
            }
            files.append(file)
        }
        guard kind == .folder || files.count == 1 && files[0].name == Self.singleFileName else {
            throw ManifestError("a model of kind 'file' has one file, '\(Self.singleFileName)'")
        }
        self.init(kind: kind, files: files)
        guard value["digest"]?.string == digest.text else { throw ManifestError("'digest' isn't that of its files") }
    }
}

extension ModelManifest.File {
    fileprivate init(_ value: JSONValue, kind: ModelManifest.Kind) throws(ManifestError) {
        guard let name = value["name"]?.string, HubReference.isComponent(name) else {
            throw ManifestError("a file's 'name' is no plain name")
        }
        guard let bytes = value["bytes"]?.integer, (0...ModelManifest.mostModelBytes).contains(bytes) else {
            throw ManifestError("'bytes' of '\(name)' is no size that a file may have")
        }
        let count = bytes / ModelManifest.chunkBytes + (bytes % ModelManifest.chunkBytes == 0 ? 0 : 1)
        guard let text = value["chunks"]?.string, let data = Data(base64Encoded: text),
            data.count == count * Digest.byteCount
        else { throw ManifestError("'chunks' of '\(name)' must hold \(count) digests") }
        let chunks = stride(from: 0, to: data.count, by: Digest.byteCount).compactMap {
            Digest(bytes: data[data.startIndex + $0..<data.startIndex + $0 + Digest.byteCount])
        }
        self.init(name: name, bytes: bytes, chunks: chunks)
        guard value["root"]?.string == root.text else {
            throw ManifestError("'root' of '\(name)' isn't that of its chunks")
        }
    }
}

/// Why a text is no manifest.
public struct ManifestError: Error, CustomStringConvertible, Sendable, Equatable {
    /// What is wrong.
    public let reason: String

    package init(_ reason: String) { self.reason = reason }

    /// What was wrong, where, and what to do.
    public var description: String { "the manifest can't be used: \(reason); take the model from another node" }
}
