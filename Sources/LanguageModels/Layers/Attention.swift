import Checkpoints
import Tensors

/// Grouped-query attention with rotary positions (arXiv:2305.13245), over the paged cache.
struct Attention: Sendable {
    let query: Projection
    let key: Projection
    let value: Projection
    let output: any Weight
    let heads: AttentionHeads

    /// Loads `model.layers.<layer>.self_attn`.
    /// - Parameter normalisesHeads: whether each query and key head passes an RMS norm.
    init(_ weights: WeightLoader, layer: Int, normalisesHeads: Bool) throws {
        let config = weights.config
        let prefix = "model.layers.\(layer).self_attn"
        query = try weights.projection("\(prefix).q_proj")
        key = try weights.projection("\(prefix).k_proj")
        value = try weights.projection("\(prefix).v_proj")
        output = try weights.matrix("\(prefix).o_proj.weight")
        heads = AttentionHeads(
            heads: config.numAttentionHeads, kvHeads: config.numKeyValueHeads, headDim: config.headDim,
            queryNorm: normalisesHeads ? try weights.vector("\(prefix).q_norm.weight") : nil,
            keyNorm: normalisesHeads ? try weights.vector("\(prefix).k_norm.weight") : nil,
            epsilon: Float(config.rmsNormEps))
    }

    /// `residual + attention(x)`: `[tokens, hidden]`.
    func callAsFunction(_ x: Tensor, addedTo residual: Tensor, pass: ForwardPass, layer: Int) -> Tensor {
        let qkv = pass.device.linear(x, [query, key, value])
        let attended = pass.device.attention(
            query: qkv[0], key: qkv[1], value: qkv[2], heads: heads, batch: pass.batch, rotary: pass.rotary,
            cache: pass.cache,
            layer: layer)
        return pass.device.linear(attended, output, addedTo: residual)
    }

    var weightBytes: Int { query.weight.bytes + key.weight.bytes + value.weight.bytes + output.bytes }
}
