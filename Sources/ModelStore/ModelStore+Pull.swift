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
        return try await pull(try await hub.model(reference), as: checked.text, from: hub, progress: progress)
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
        let model = HubModel(files: [file], isFile: true, source: digest.text)
        return try await pull(model, as: checked.text, from: hub, progress: progress)
    }

    /// Fetches a model that a hub has described.
    /// - Throws: as the other ones.
    package func pull(
        _ model: HubModel, as name: String, from hub: Hub, progress: @Sendable (PullProgress) -> Void
    ) async throws -> StoredModel {
        let name = try ModelName(name)
        let total = model.bytes
        let staging = try Staging(store: self, name: name, source: model.source)
        // Another process may have published it while the hub was asked.
        try refuseTwin(of: name)
        try disk.requireSpace(total - staging.bytesPresent(of: model.files), at: incoming)
        var done = 0
        for file in model.files {
            let before = done
            try await staging.fetch(file, from: hub) { progress(PullProgress(bytes: before + $0, totalBytes: total)) }
            done += file.bytes
        }
        return try staging.publish(name, file: model.isFile ? model.files[0].name : nil)
    }
}
