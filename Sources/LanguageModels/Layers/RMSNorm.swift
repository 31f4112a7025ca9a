import Checkpoints
import Tensors

/// Root-mean-square normalisation with its weight (arXiv:1910.07467).
struct RMSNorm: Sendable {
    let weight: Tensor
    let epsilon: Float

    init(_ weights: WeightLoader, _ name: String) throws {
        weight = try weights.vector(name)
        epsilon = Float(weights.config.rmsNormEps)
    }

    func callAsFunction(_ x: Tensor, on device: any Device) -> Tensor {
        device.rmsNorm(x, weight: weight, epsilon: epsilon)
    }
}
