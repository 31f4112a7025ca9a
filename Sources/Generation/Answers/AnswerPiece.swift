/// A piece of an answer, sorted by what it is.
public enum AnswerPiece: Sendable, Equatable {
    /// What the model thinks before it answers.
    case reasoning(String)
    /// The answer itself.
    case content(String)
    /// A tool call begins.
    case toolCall(index: Int, name: String)
    /// The next piece of a call's arguments: joined they are one JSON object.
    case toolArguments(index: Int, String)
}
