/// Why a chat template cannot be read or gives no text.
public enum TemplateError: Error, Equatable, Sendable {
    /// The template's source is no Jinja that is understood here.
    case syntax(line: Int, reason: String)
    /// The template refused the conversation itself, with `raise_exception`.
    case raised(String)
    /// An operation failed: a value is missing or of the wrong kind.
    case failed(line: Int, reason: String)
    /// The template used up what one rendering may use.
    case limit(line: Int, reason: String)
}

extension TemplateError: CustomStringConvertible {
    /// What is wrong, where, and what to do.
    public var description: String {
        switch self {
        case .syntax(let line, let reason):
            "the chat template has a fault in line \(line): \(reason); use another template"
        case .raised(let message): message
        case .failed(let line, let reason):
            "the chat template fails in line \(line): \(reason); check that messages and tools have the usual form"
        case .limit(let line, let reason):
            "the chat template was stopped in line \(line): \(reason); use another template or a shorter conversation"
        }
    }
}
