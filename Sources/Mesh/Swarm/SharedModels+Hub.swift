import ModelStore

extension SharedModels {
    /// A complete model as a repository of files.
    public struct Listing: Sendable {
        /// What it is called.
        public let name: String
        /// What stands for a git commit: it changes exactly when the model does.
        public let commit: String
        /// Its files.
        public let files: [ListedFile]
    }

    /// A file of a complete model.
    public struct ListedFile: Sendable {
        /// Its name in the repository; of a model that is one file, the model's with `.gguf`.
        public let name: String
        /// Where it lies.
        public let path: String
        /// Its size.
        public let bytes: Int
        /// Its entity tag: `merkle-` and the root, because 64 bare digits would mean a plain SHA-256.
        public let tag: String
    }

    /// The complete model of that name.
    public func listing(_ name: String) async -> Listing? {
        if let known = complete(name) { return known }
        await refresh()
        return complete(name)
    }

    private func complete(_ name: String) -> Listing? {
        guard let (model, manifest) = whole(named: name) else { return nil }
        let files = manifest.files.map { file in
            ListedFile(
                name: model.isFolder ? file.name : "\(model.name).gguf",
                path: model.isFolder ? "\(model.path)/\(file.name)" : model.path, bytes: file.bytes,
                tag: "\(FileTag.merklePrefix)\(file.root.digits)")
        }
        // As long as git's digests are.
        return Listing(name: model.name, commit: String(manifest.digest.digits.prefix(40)), files: files)
    }
}
