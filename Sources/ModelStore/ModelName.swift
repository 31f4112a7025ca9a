import Foundation

/// A name that may become a path: one component, nothing that a file system or a terminal takes for something else.
struct ModelName: Sendable {
    let text: String

    /// - Throws: ``StoreError/badName(_:reason:)``.
    init(_ text: String) throws(StoreError) {
        func fault(_ reason: String) -> StoreError {
            .badName(
                String(text.unicodeScalars.filter { $0.value >= 0x20 }.prefix(64).map(Character.init)), reason: reason)
        }
        guard !text.isEmpty else { throw fault("is empty") }
        guard text.utf8.count <= 200 else { throw fault("is longer than 200 bytes") }
        guard !text.hasPrefix("."), !text.hasPrefix("-") else { throw fault("begins with '.' or '-'") }
        for scalar in text.unicodeScalars {
            guard scalar != "/", scalar != "\\", scalar.value >= 0x20, scalar.value != 0x7F,
                scalar.properties.generalCategory != .format, scalar.properties.generalCategory != .control
            else { throw fault("holds '/', '\\' or a control character") }
        }
        self.text = text
    }

    /// The same for names that some file systems can't tell apart.
    var folded: String { text.precomposedStringWithCanonicalMapping.lowercased() }
}

/// What goes wrong with the store.
public enum StoreError: Error, CustomStringConvertible, Sendable, Equatable {
    /// A name that can't be used for a model.
    case badName(String, reason: String)
    /// A model of that name, or one that some file systems would take for it, is here already.
    case exists(String)
    /// There is no model of that name.
    case unknown(String)
    /// A file or folder can't be read.
    case unreadable(String)
    /// Not enough room on the disk.
    case noSpace(needed: Int, free: Int)
    /// An operation that the system refused.
    case failed(operation: String, name: String, reason: String)

    public var description: String {
        switch self {
        case .badName(let name, let reason): "the model name '\(name)' \(reason); choose another with --name"
        case .exists(let name): "the store already holds '\(name)'; remove it first, or choose another name with --name"
        case .unknown(let name): "the store holds no '\(name)'; 'hybrie models list' shows what there is"
        case .unreadable(let name): "'\(name)' can't be read; check that it exists and may be read"
        case .noSpace(let needed, let free):
            "\(needed >> 20) MiB are needed but \(free >> 20) MiB are free on the disk; remove models with 'hybrie models rm'"
        case .failed(let operation, let name, let reason): "can't \(operation) '\(name)': \(reason)"
        }
    }
}
