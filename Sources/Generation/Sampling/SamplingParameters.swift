/// How the next token is chosen from the scores.
public struct SamplingParameters: Sendable {
    /// 0: always the best token. Else scores are divided by it.
    public var temperature: Float = 1
    /// Only the best `topK` are candidates; 0: all.
    public var topK = 0
    /// Only the best whose probabilities reach `topP` together are candidates (arXiv:1904.09751); 1: all.
    public var topP: Float = 1
    /// Only tokens with at least `minP` times the best one's probability are candidates (arXiv:2407.01082); 0: all.
    public var minP: Float = 0
    /// Divides positive and multiplies negative scores of tokens seen in prompt and answer (arXiv:1909.05858); 1: off.
    public var repetitionPenalty: Float = 1
    /// Subtracted per occurrence in the answer.
    public var frequencyPenalty: Float = 0
    /// Subtracted once a token occurs in the answer.
    public var presencePenalty: Float = 0
    /// Added to scores of single tokens.
    public var logitBias: [Int32: Float] = [:]
    /// The same seed gives the same text.
    public var seed: UInt64?

    /// OpenAI's defaults.
    public init() {}

    /// Whether scores are changed before the choice.
    var changesScores: Bool {
        repetitionPenalty != 1 || frequencyPenalty != 0 || presencePenalty != 0 || !logitBias.isEmpty
    }
}
