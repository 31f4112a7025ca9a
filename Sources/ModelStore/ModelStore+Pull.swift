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
        let total = files.reduce(0) { $0 + $1.bytes }
        let staging = try Staging(
            store: self, name: checked, source: "\(reference.repository)@\(commit)/\(reference.file ?? "")")
        // Another process may have published it while the hub was asked.
        try refuseTwin(of: checked)
        try disk.requireSpace(total - staging.bytesPresent(of: files), at: incoming)
        var done = 0
        for file in files {
            let before = done
            try await staging.fetch(file, from: hub) { progress(PullProgress(bytes: before + $0, totalBytes: total)) }
            done += file.bytes
        }
        let isFile = reference.file != nil
        try staging.publish(isFile ? "\(checked.text).gguf" : checked.text, file: isFile ? files[0].name : nil)
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
