/// Llama 2 and 3 (arXiv:2407.21783) and what copies them, such as SmolLM2: plain grouped-query attention, then SwiGLU.
/// A GGUF keeps its rotary pairs as neighbours, which the config says (`ropeIsInterleaved`).
enum Llama: DecoderFamily {
    static func layer(_ index: Int, _ weights: WeightLoader) throws -> PreNormLayer {
        try PreNormLayer(
            weights, layer: index,
            attention: Attention(weights, layer: index, normalisesHeads: false),
            feedForward: GatedMLP(weights, layer: index))
    }
}
