/// How rotary frequencies are stretched for contexts longer than those of the training.
public enum RopeScaling: Equatable, Sendable {
    /// Not at all.
    case none
    /// Positions are divided by `factor` (Chen et al. 2023, arXiv:2306.15595).
    case linear(factor: Double)
    /// Llama 3.1: long wavelengths are divided by `factor`, short ones kept, a ramp between them.
    case llama3(factor: Double, lowFreqFactor: Double, highFreqFactor: Double, originalMaxPositionEmbeddings: Int)
    /// YaRN (Peng et al. 2023, arXiv:2309.00071); without `attentionFactor` it is `0.1 · ln(factor) + 1`.
    case yarn(
        factor: Double, originalMaxPositionEmbeddings: Int, betaFast: Double, betaSlow: Double,
        attentionFactor: Double?)
    /// Each frequency is divided by its own factor, `headDim / 2` of them: GGUF's `rope_freqs.weight`.
    case frequencyFactors([Float])
}
