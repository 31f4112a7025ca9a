import Checkpoints

/// Qwen 3 MoE (Qwen3-30B-A3B, Qwen3-Coder): Qwen 3's attention, then a mixture of experts; layers that the config names
/// (`mlp_only_layers`, `decoder_sparse_step`) stay dense.
enum Qwen3MoE: DecoderFamily {
    static func layer(_ index: Int, _ weights: WeightLoader) throws -> PreNormLayer {
        let isSparse = weights.config.isSparse(layer: index)
        return try PreNormLayer(
            weights, layer: index,
            attention: Attention(weights, layer: index, normalisesHeads: true),
            feedForward: isSparse ? Experts(weights, layer: index) : GatedMLP(weights, layer: index))
    }
}
