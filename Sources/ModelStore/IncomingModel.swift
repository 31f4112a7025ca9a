import Foundation
import OrderedJSON
import Synchronization

/// A model that comes in chunk by chunk, in any order and from anywhere: a chunk counts only once its digest is right, and
/// the model appears under its name once all do.
///
/// What an interrupted attempt left is hashed again and used. Other processes see by ``ModelStore/partialModels()`` which
/// chunks are here, and may pass them on.
public final class IncomingModel: Sendable {
    /// What comes in.
    public let manifest: ModelManifest
    /// Its chunks, by number.
    package let chunks: [ModelManifest.Chunk]
    private let name: ModelName
    let staging: Staging
    private let files: [GrowingFile]
    private let possession: GrowingFile
    private let present: Mutex<ChunkSet>
    private let published = Mutex(false)
    /// Who waits for chunks.
    let readers = WaitingReaders()

    /// A place for what `manifest` describes; blocks while chunks of an earlier attempt are hashed.
    /// - Throws: ``StoreError``: the name is taken or busy, or there isn't room for all of it.
    package init(_ manifest: ModelManifest, as name: String, in store: ModelStore) throws(StoreError) {
        self.manifest = manifest
        self.name = try ModelName(name)
        let chunks = manifest.chunks
        self.chunks = chunks
        try store.refuseTwin(of: self.name)
        staging = try Staging(store: store, name: self.name, source: manifest.digest.text)
        // Another process may have published it before the lock was ours.
        try store.refuseTwin(of: self.name)
        let disk = store.disk
        let known = try? store.possession(at: staging.possessionPath, chunkCount: chunks.count)
        var files: [GrowingFile] = []
        for file in manifest.files { files.append(try GrowingFile("\(staging.folder)/\(file.name)", disk)) }
        let present = try Self.verified(known?.have ?? ChunkSet(chunkCount: chunks.count), of: chunks, in: files, disk)
        let missing = chunks.indices.reduce(0) { $0 + (present.contains($1) ? 0 : chunks[$1].bytes) }
        try disk.requireSpace(missing, at: staging.folder)
        for (file, place) in zip(manifest.files, files) { try disk.cut(place.file, to: file.bytes) }
        self.files = files
        // Others read both: the bits mean something only beside the manifest that numbers the chunks.
        try disk.replace(staging.recordPath, with: manifest.json.serializedBytes)
        try disk.replace(staging.possessionPath, with: Possession(have: present).bytes)
        possession = try GrowingFile(staging.possessionPath, disk)
        self.present = Mutex(present)
    }

    /// The chunks among `claimed` whose bytes are right.
    private static func verified(
        _ claimed: ChunkSet, of chunks: [ModelManifest.Chunk], in files: [GrowingFile], _ disk: Disk
    ) throws(StoreError) -> ChunkSet {
        var present = ChunkSet(chunkCount: chunks.count)
        for (number, chunk) in chunks.enumerated() where claimed.contains(number) {
            let bytes = try disk.readWhole(files[chunk.file].file, at: chunk.offset, upTo: chunk.bytes)
            if bytes.count == chunk.bytes, MerkleTree.leaf(bytes) == chunk.digest { present.insert(number) }
        }
        return present
    }

    /// The chunks that are here.
    package var have: ChunkSet { present.withLock { $0 } }

    /// Bytes of the chunks that are here.
    package var presentBytes: Int {
        let have = have
        return chunks.indices.reduce(0) { $0 + (have.contains($1) ? chunks[$1].bytes : 0) }
    }

    /// Takes a chunk; blocks while it is hashed and written.
    /// - Returns: whether its digest is right; if not, nothing is kept of it.
    /// - Throws: ``StoreError`` if the disk doesn't take it.
    package func store(_ number: Int, _ bytes: [UInt8]) throws(StoreError) -> Bool {
        guard chunks.indices.contains(number) else { return false }
        let chunk = chunks[number]
        guard bytes.count == chunk.bytes, MerkleTree.leaf(bytes) == chunk.digest else { return false }
        // A second copy would only be written over bytes that others may be reading.
        guard !have.contains(number) else { return true }
        let disk = staging.store.disk
        try disk.write(bytes, to: files[chunk.file].file, at: chunk.offset)
        // The bit comes after the bytes: whoever dies in between fetches the chunk again.
        try present.withLock { present throws(StoreError) in
            present.insert(number)
            try disk.write([present.bytes[number >> 3]], to: possession.file, at: number >> 3)
        }
        readers.wake()
        return true
    }

    /// Tells other processes what complete sources are about to send; blocks.
    package func tell(coming: ChunkSet) throws(StoreError) {
        try staging.store.disk.write(coming.bytes, to: possession.file, at: coming.bytes.count)
    }

    /// Hashes the files again, by the digests that the hub names; blocks meanwhile.
    /// - Returns: whether all are those that the hub has.
    package func isSame(as model: HubModel) throws(StoreError) -> Bool {
        let disk = staging.store.disk
        for (name, place) in zip(manifest.files.map(\.name), files) {
            guard let listed = model.file(name) else { return false }
            var digest = FileDigest(listed)
            var offset = 0
            while offset < listed.bytes {
                let piece = try disk.readBytes(place.file, at: offset, upTo: 4 << 20)
                if piece.isEmpty { return false }
                digest.update(piece)
                offset += piece.count
            }
            guard digest.matches() else { return false }
        }
        return true
    }

    /// Deletes what has come: it isn't what was wanted.
    package func discard() {
        giveUp()
        staging.discard()
    }

    /// Gives the complete model its name.
    /// - Throws: ``StoreError``; the model is in the store then or not, but never in part.
    package func publish() throws(StoreError) -> StoredModel {
        guard have.isComplete else {
            throw .failed(operation: "publish", name: name.text, reason: "chunks are missing; pull it again")
        }
        for file in files { try staging.complete(file.file) }
        let isFile = manifest.kind == .file
        let paths = manifest.files.map { "\(staging.folder)/\($0.name)" }
        try staging.store.keep(manifest, for: name.entry(isFile: isFile), filesAt: paths)
        let stored = try staging.publish(name, file: isFile ? ModelManifest.singleFileName : nil)
        published.withLock { $0 = true }
        return stored
    }

    /// Whether it has its name: what was read of it is what the store holds.
    public var isPublished: Bool { published.withLock { $0 } }
}

/// A file that grows, open for all that write to it.
private final class GrowingFile: Sendable {
    let file: OpenFile

    init(_ path: String, _ disk: Disk) throws(StoreError) {
        do {
            // A complete file is read-only, and an attempt that ended just before the rename leaves it so.
            let whole = try disk.openFile(path, O_RDONLY | O_CREAT | O_NOFOLLOW)
            try disk.setMode(whole, 0o600)
        }
        file = try disk.openFile(path, O_RDWR | O_NOFOLLOW)
    }
}

/// A model of which some chunks are here, as any process sees it that looks into the home.
package struct PartialModel: Sendable {
    /// What it will be.
    package let manifest: ModelManifest
    /// Where its files grow.
    package let folder: String
    /// What the file looked like that the manifest was read from.
    fileprivate let stamp: FileStamp
}

extension ModelStore {
    /// Models that come in by chunks, in this process or another.
    /// - Parameter known: those of the last look; manifests are long, and who shares a model looks every few seconds.
    package func partialModels(known: [PartialModel] = []) throws(StoreError) -> [PartialModel] {
        guard FileManager.default.fileExists(atPath: incoming) else { return [] }
        var models: [PartialModel] = []
        for name in try disk.names(in: incoming).sorted() where name.hasSuffix(Staging.recordSuffix) {
            let record = "\(incoming)/\(name)"
            let folder = String(record.dropLast(Staging.recordSuffix.utf8.count))
            guard let stamp = try disk.stamp(of: record) else { continue }
            if let old = known.first(where: { $0.folder == folder && $0.stamp == stamp }) {
                models.append(old)
            } else if let data = FileManager.default.contents(atPath: record),
                let manifest = try? ModelManifest(parsing: Array(data))
            {
                models.append(PartialModel(manifest: manifest, folder: folder, stamp: stamp))
            }
        }
        return models
    }

    /// The chunks of `model` that are here and verified, and those that are about to come.
    /// - Throws: ``StoreError/unknown(_:)`` once the model has been published or given up.
    package func possession(of model: PartialModel) throws(StoreError) -> Possession {
        try possession(at: model.folder + Staging.possessionSuffix, chunkCount: model.manifest.chunkCount)
    }

    fileprivate func possession(at path: String, chunkCount: Int) throws(StoreError) -> Possession {
        guard let data = FileManager.default.contents(atPath: path),
            let possession = Possession(chunkCount: chunkCount, bytes: Array(data))
        else { throw .unknown((path as NSString).lastPathComponent) }
        return possession
    }
}
