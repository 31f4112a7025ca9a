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

    /// What the model's file or folder is called in the store.
    func entry(isFile: Bool) -> String { isFile ? "\(text).gguf" : text }

    /// The same for names that some file systems can't tell apart.
    var folded: String { text.precomposedStringWithCanonicalMapping.lowercased() }
}
