/// Qwen 3 (arXiv:2505.09388): attention with RMS norms on each head's queries and keys, no biases, then SwiGLU.
enum Qwen3: DecoderFamily {
    static func layer(_ index: Int, _ weights: WeightLoader) throws -> PreNormLayer {
        try PreNormLayer(
            weights, layer: index,
            attention: Attention(weights, layer: index, normalisesHeads: true),
            feedForward: GatedMLP(weights, layer: index))
    }
}
