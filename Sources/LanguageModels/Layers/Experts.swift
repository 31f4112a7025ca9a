import Checkpoints
import Tensors

/// A mixture of SwiGLU experts with a linear router.
struct Experts: FeedForward {
    let mixture: ExpertMixture

    /// Loads router and experts of `model.layers.<layer>.mlp`.
    init(_ weights: WeightLoader, layer: Int) throws {
        mixture = ExpertMixture(
            router: try weights.matrix("model.layers.\(layer).mlp.gate.weight"),
            gate: try weights.experts(layer: layer, "gate_proj"), up: try weights.experts(layer: layer, "up_proj"),
            down: try weights.experts(layer: layer, "down_proj"), used: weights.config.numExpertsPerTok,
            isNormalised: weights.config.normTopkProb)
    }

    /// `residual + Σ p_e · expert_e(x)`.
    func callAsFunction(_ x: Tensor, addedTo residual: Tensor, on device: any Device) -> Tensor {
        device.experts(x, mixture: mixture, addedTo: residual)
    }

    var weightBytes: Int { mixture.router.bytes + mixture.gate.bytes + mixture.up.bytes + mixture.down.bytes }
}
