/// Why a model's files are not taken: which file, which key or tensor, what stood there and what should.
///
/// Names no folder, so that it may be shown to clients; texts from the files are shortened and freed of control
/// characters.
public struct CheckpointError: Error, Equatable, Sendable {
    /// What is to blame, and so what helps.
    public enum Kind: Sendable {
        /// The path can't be opened as a regular file.
        case unreadable
        /// A file was written to, replaced or removed while it was read.
        case changed
        /// A file breaks the rules of its format.
        case malformed
        /// A sound file of a kind that this engine doesn't run.
        case unsupported
        /// Each file may be sound, but they contradict each other.
        case inconsistent
    }

    /// What is to blame.
    public let kind: Kind
    /// The last component of the file's path.
    public let file: String
    /// The key, tensor or byte offset inside the file; empty if the whole file is meant.
    public let place: String
    /// What should have stood there.
    public let expected: String
    /// What was found; empty if nothing was.
    public let found: String

    init(_ kind: Kind, file: String, place: String = "", expected: String, found: String = "") {
        self.kind = kind
        self.file = Self.shown(file)
        self.place = Self.shown(place)
        self.expected = expected
        self.found = found
    }
}

extension CheckpointError: CustomStringConvertible {
    /// What was wrong, where, and what to do.
    public var description: String {
        let place = place.isEmpty ? "" : ", \(place)"
        let found = found.isEmpty ? "" : ", found \(found)"
        return "\(file)\(place): expected \(expected)\(found). \(remedy)"
    }

    private var remedy: String {
        switch kind {
        case .unreadable: "Check that the path names a regular file that you may read."
        case .changed: "Load the model again once nothing writes to its files any more."
        case .malformed: "The file is damaged or was written by a faulty tool: download or convert it again."
        case .unsupported:
            "Choose another file or model: Qwen3, Qwen3-MoE, Qwen2 and Llama run, as GGUF or safetensors."
        case .inconsistent: "The model is incomplete or mixed from several: download all of its files again."
        }
    }
}

extension CheckpointError {
    static func malformed(_ file: String, _ place: String, expected: String, found: String = "") -> Self {
        CheckpointError(.malformed, file: file, place: place, expected: expected, found: found)
    }

    static func unsupported(_ file: String, _ place: String, expected: String, found: String = "") -> Self {
        CheckpointError(.unsupported, file: file, place: place, expected: expected, found: found)
    }

    static func inconsistent(_ file: String, _ place: String, expected: String, found: String = "") -> Self {
        CheckpointError(.inconsistent, file: file, place: place, expected: expected, found: found)
    }

    /// Bytes of a file that was on its way don't come any more.
    public static func gone(_ file: String, _ reason: String) -> Self {
        CheckpointError(.changed, file: file, expected: "all of it to come", found: reason)
    }

    /// `text` for a message: at most 96 characters, none of them a control character.
    static func shown(_ text: String) -> String {
        var shown = ""
        for (index, scalar) in text.unicodeScalars.prefix(97).enumerated() {
            if index == 96 { return shown + "…" }
            let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
            shown.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
        }
        return shown
    }

    /// ``shown(_:)`` in quotes.
    static func quoted(_ text: String) -> String { "'\(shown(text))'" }
}
