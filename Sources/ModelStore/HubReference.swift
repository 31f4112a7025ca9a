/// A model on a hub: `hf://owner/name[@revision][/file]`.
public struct HubReference: Sendable, Equatable {
    /// `owner/name`.
    public let repository: String
    /// Branch, tag or commit.
    public let revision: String
    /// One file of the repository; none: what a model needs of it.
    public let file: String?

    /// Reads a reference.
    /// - Throws: ``HubError/badReference(_:)``.
    public init(_ text: String) throws(HubError) {
        guard text.hasPrefix("hf://"), text.utf8.count <= 512 else { throw .badReference(text) }
        var parts = text.dropFirst(5).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 || parts.count == 3 else { throw .badReference(text) }
        let named = parts[1].split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        parts[1] = named[0]
        revision = named.count == 2 ? named[1] : "main"
        guard (parts + [revision]).allSatisfy(Self.isComponent) else { throw .badReference(text) }
        repository = "\(parts[0])/\(parts[1])"
        file = parts.count == 3 ? parts[2] : nil
    }

    /// Whether `text` may stand in a path and in an address as it is.
    static func isComponent(_ text: String) -> Bool {
        (1...200).contains(text.utf8.count) && !text.hasPrefix(".") && !text.hasPrefix("-")
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == 0x2D || byte == 0x2E || byte == 0x5F
            }
    }

    /// What the model is called in a store, unless somebody chooses another name.
    public var modelName: String {
        if let file { return file.hasSuffix(".gguf") ? String(file.dropLast(5)) : file }
        return String(repository.split(separator: "/").last ?? "")
    }

    /// The reference as text.
    public var text: String { "hf://\(repository)@\(revision)\(file.map { "/\($0)" } ?? "")" }
}

/// What goes wrong with a hub.
public enum HubError: Error, CustomStringConvertible, Sendable, Equatable {
    /// Text that is no reference.
    case badReference(String)
    /// The hub said no.
    case refused(what: String, status: Int)
    /// The hub's answer isn't what the protocol promises.
    case badAnswer(what: String, reason: String)
    /// The bytes aren't those that the hub named.
    case damaged(file: String)
    /// The repository has no model that can be taken as a whole.
    case nothingToTake(repository: String, ggufFiles: [String])

    /// What was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .badReference(let text):
            "'\(text.prefix(100))' is no reference; write hf://owner/name, hf://owner/name@revision or hf://owner/name/file.gguf"
        case .refused(let what, let status):
            "the hub answers \(status) for \(what)"
                + (status == 401 || status == 403
                    ? "; set HF_TOKEN if it needs one" : status == 404 ? "; check the names" : "; try again later")
        case .badAnswer(let what, let reason): "the hub's answer for \(what) can't be used: \(reason)"
        case .damaged(let file): "'\(file)' arrived damaged and was thrown away; pull again"
        case .nothingToTake(let repository, let files):
            files.isEmpty
                ? "\(repository) holds no model in a format that is taken (safetensors or GGUF)"
                : "\(repository) holds single GGUF files; name one: \(files.prefix(12).joined(separator: ", "))"
        }
    }
}
