/// Qwen 2 and 2.5 (arXiv:2407.10671): attention with biases on queries, keys and values, then SwiGLU.
enum Qwen2: DecoderFamily {
    static func layer(_ index: Int, _ weights: WeightLoader) throws -> PreNormLayer {
        try PreNormLayer(
            weights, layer: index,
            attention: Attention(weights, layer: index, normalisesHeads: false),
            feedForward: GatedMLP(weights, layer: index))
    }
}
