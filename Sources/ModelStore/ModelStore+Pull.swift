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
        let checked = try ModelName(name ?? reference.modelName)
        try refuseTwin(of: checked)
        let (names, commit) = try await hub.files(of: reference)
        let files = try await Self.selection(names, reference).asyncMap {
            try await hub.file($0, of: reference.repository, commit: commit)
        }
        return try await bring(
            files, as: checked, from: hub, source: "\(reference.repository)@\(commit)/\(reference.file ?? "")",
            isFile: reference.file != nil, progress: progress)
    }

    /// Fetches a GGUF file from any address.
    /// - Parameter sha256: 64 hexadecimal digits: what the file must have.
    /// - Throws: ``StoreError``, ``HubError``, or what the transport throws.
    public func pull(
        address: String, sha256: String, name: String? = nil, from hub: Hub,
        progress: @Sendable (PullProgress) -> Void = { _ in }
    ) async throws -> StoredModel {
        guard let digest = Digest("sha256:\(sha256.lowercased())"),
            address.hasPrefix("http://") || address.hasPrefix("https://")
        else { throw HubError.badAnswer(what: address, reason: "its SHA-256 must be given, 64 hexadecimal digits") }
        let last = address.prefix { $0 != "?" && $0 != "#" }.split(separator: "/").last.map(String.init) ?? ""
        let checked = try ModelName(name ?? (last.hasSuffix(".gguf") ? String(last.dropLast(5)) : last))
        try refuseTwin(of: checked)
        let file = try await hub.file(at: address, sha256: digest.digits)
        return try await bring([file], as: checked, from: hub, source: digest.text, isFile: true, progress: progress)
    }

    private func bring(
        _ files: [Hub.RemoteFile], as name: ModelName, from hub: Hub, source: String, isFile: Bool,
        progress: @Sendable (PullProgress) -> Void
    ) async throws -> StoredModel {
        let total = files.reduce(0) { $0 + $1.bytes }
        let staging = try Staging(store: self, name: name, source: source)
        // Another process may have published it while the hub was asked.
        try refuseTwin(of: name)
        try disk.requireSpace(total - staging.bytesPresent(of: files), at: incoming)
        var done = 0
        for file in files {
            let before = done
            try await staging.fetch(file, from: hub) { progress(PullProgress(bytes: before + $0, totalBytes: total)) }
            done += file.bytes
        }
        return try staging.publish(name, file: isFile ? files[0].name : nil)
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
