import Tensors

/// SwiGLU feed-forward: `down(silu(gate x) ⊙ up x)` (arXiv:2002.05202).
struct GatedMLP: FeedForward {
    let gate: any Weight
    let up: any Weight
    let down: any Weight

    /// Loads `model.layers.<layer>.mlp`.
    init(_ weights: WeightLoader, layer: Int) throws {
        let prefix = "model.layers.\(layer).mlp"
        gate = try weights.matrix("\(prefix).gate_proj.weight")
        up = try weights.matrix("\(prefix).up_proj.weight")
        down = try weights.matrix("\(prefix).down_proj.weight")
    }

    /// `residual + mlp(x)`.
    func callAsFunction(_ x: Tensor, addedTo residual: Tensor, on device: any Device) -> Tensor {
        device.linear(device.gatedLinear(x, gate: gate, up: up), down, addedTo: residual)
    }

    var weightBytes: Int { gate.bytes + up.bytes + down.bytes }
}
