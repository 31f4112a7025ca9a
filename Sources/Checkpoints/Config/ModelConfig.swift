/// What a decoder's shape and arithmetic depend on, whichever file it came from.
///
/// Fields have the names of Hugging Face's `config.json`. All values are checked: positive, in range, and consistent
/// with each other, so that products of two extents fit an `Int`.
public struct ModelConfig: Equatable, Sendable {
    /// The decoder families that the engine knows.
    public enum Family: String, CaseIterable, Sendable {
        /// Qwen 3, dense: norms on each head's queries and keys.
        case qwen3
        /// Qwen 3 with a mixture of experts.
        case qwen3MoE = "qwen3_moe"
        /// Qwen 2 and 2.5: biases on queries, keys and values.
        case qwen2
        /// Llama 2, 3 and what copies them (SmolLM2).
        case llama
    }

    /// Which decoder this is.
    public var family: Family
    /// Rows of the embedding; at least the number of tokens.
    public var vocabSize: Int
    /// Width of the residual stream.
    public var hiddenSize: Int
    /// Width of the dense feed-forward layers; 0 if there are none and the file doesn't say.
    public var intermediateSize: Int
    /// Decoder layers.
    public var numHiddenLayers: Int
    /// Query heads.
    public var numAttentionHeads: Int
    /// Key and value heads; divides ``numAttentionHeads``.
    public var numKeyValueHeads: Int
    /// Width of a head; even.
    public var headDim: Int
    /// The longest context, in tokens.
    public var maxPositionEmbeddings: Int
    /// ε of the norms.
    public var rmsNormEps: Double
    /// Base of the rotary frequencies.
    public var ropeTheta: Double
    /// How the rotary frequencies are stretched.
    public var ropeScaling: RopeScaling = .none
    /// Whether the rotation pairs elements `2i` and `2i + 1` instead of `i` and `i + headDim / 2`: the rows of q and k
    /// in a Llama GGUF are permuted for it.
    public var ropeIsInterleaved = false
    /// Whether queries, keys and values have biases.
    public var attentionBias = false
    /// Whether the output head is the embedding.
    public var tieWordEmbeddings = false
    /// Experts in a sparse layer; 0 for dense models.
    public var numExperts = 0
    /// Experts that each token uses.
    public var numExpertsPerTok = 0
    /// Width of an expert.
    public var moeIntermediateSize = 0
    /// Whether the weights of the chosen experts are normalised to sum to 1.
    public var normTopkProb = true
    /// Every how many layers one is sparse.
    public var decoderSparseStep = 1
    /// Layers that are dense though the step would make them sparse.
    public var mlpOnlyLayers: [Int] = []
    /// The id that starts a text, if the model has one.
    public var bosTokenID: Int?
    /// The ids that end an answer; may be empty.
    public var eosTokenIDs: [Int] = []

    /// Whether `layer` has experts.
    public func isSparse(layer: Int) -> Bool {
        numExperts > 0 && (layer + 1) % decoderSparseStep == 0 && !mlpOnlyLayers.contains(layer)
    }

    /// Whether queries and keys pass a norm of their own, head by head.
    public var hasHeadNorms: Bool { family == .qwen3 || family == .qwen3MoE }
}
