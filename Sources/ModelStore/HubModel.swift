import Synchronization

/// What a model on a hub is made of.
package struct HubModel: Sendable {
    /// Its files: one GGUF, or those that a folder needs.
    let files: [Hub.RemoteFile]
    /// Whether it is one GGUF file.
    let isFile: Bool
    /// Repository, commit and file: what the place is named by where it grows.
    let source: String

    /// Bytes of all files.
    package var bytes: Int { files.reduce(0) { $0 + $1.bytes } }

    /// Whether a manifest lists files of these names and sizes. Whether their bytes are the same, only hashing tells.
    package func resembles(_ manifest: ModelManifest) -> Bool {
        // Without digests from the hub nobody could tell.
        guard files.allSatisfy({ FileDigest($0).isDigest }) else { return false }
        guard !isFile else { return manifest.kind == .file && manifest.bytes == bytes }
        return manifest.kind == .folder && manifest.files.count == files.count
            && files.allSatisfy { file in manifest.files.contains { $0.name == file.name && $0.bytes == file.bytes } }
    }

    /// The file that stands in the manifest under `name`.
    func file(_ name: String) -> Hub.RemoteFile? { isFile ? files.first : files.first { $0.name == name } }
}

extension Hub {
    /// Asks what a model is made of.
    /// - Throws: ``HubError``, or what the transport throws.
    package func model(_ reference: HubReference) async throws -> HubModel {
        let (names, commit) = try await files(of: reference)
        var files: [RemoteFile] = []
        for name in try Self.selection(names, reference) {
            files.append(try await file(name, of: reference.repository, commit: commit))
        }
        return HubModel(
            files: files, isFile: reference.file != nil,
            source: "\(reference.repository)@\(commit)/\(reference.file ?? "")")
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

/// Chunks of a hub's model, one range each.
package final class HubRanges: Sendable {
    private let hub: Hub
    private let model: HubModel
    private let manifest: ModelManifest
    /// Where the hub redirected to, by file: it counts what it is asked, and allows so much.
    private let addresses = Mutex<[String: String]>([:])

    /// - Parameter manifest: says which bytes a chunk is.
    package init(hub: Hub, model: HubModel, manifest: ModelManifest) {
        (self.hub, self.model, self.manifest) = (hub, model, manifest)
    }

    /// Fetches the bytes of a chunk, unchecked, into `buffer`, whose memory is used again.
    /// - Throws: ``HubError``, or what the transport throws.
    package func chunk(_ chunk: ModelManifest.Chunk, into buffer: inout [UInt8]) async throws {
        let name = manifest.files[chunk.file].name
        guard let file = model.file(name) else { throw HubError.refused(what: name, status: 404) }
        let range = chunk.offset..<chunk.offset + chunk.bytes
        buffer.removeAll(keepingCapacity: true)
        for try await piece in try await body(of: file, range) {
            guard buffer.count + piece.count <= chunk.bytes else {
                throw HubError.badAnswer(what: name, reason: "it sends more than the range that was asked for")
            }
            buffer += piece
        }
        guard buffer.count == chunk.bytes else {
            throw HubError.badAnswer(what: name, reason: "it ended after \(buffer.count) of \(chunk.bytes) bytes")
        }
    }

    private func body(
        of file: Hub.RemoteFile, _ range: Range<Int>
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        let known = addresses.withLock { $0[file.name] }
        do {
            let (body, address) = try await hub.body(of: file, range, at: known)
            addresses.withLock { $0[file.name] = address }
            return body
        } catch  where known != nil {
            // Such addresses hold for a while only.
            addresses.withLock { $0[file.name] = nil }
            throw error
        }
    }
}
