import Tensors

/// A layer that normalises before it attends and before it feeds forward, and adds each result to the stream.
struct PreNormLayer: Sendable {
    let inputNorm: RMSNorm
    let attention: Attention
    let postAttentionNorm: RMSNorm
    let feedForward: any FeedForward

    /// Loads the norms of `model.layers.<layer>`; the family says what stands between them.
    init(_ weights: WeightLoader, layer: Int, attention: Attention, feedForward: any FeedForward) throws {
        inputNorm = try RMSNorm(weights, "model.layers.\(layer).input_layernorm.weight")
        postAttentionNorm = try RMSNorm(weights, "model.layers.\(layer).post_attention_layernorm.weight")
        self.attention = attention
        self.feedForward = feedForward
    }

    /// States `[tokens, hidden]` in and out.
    func callAsFunction(_ x: Tensor, pass: ForwardPass, layer: Int) -> Tensor {
        let h = attention(inputNorm(x, on: pass.device), addedTo: x, pass: pass, layer: layer)
        return feedForward(postAttentionNorm(h, on: pass.device), addedTo: h, on: pass.device)
    }

    var weightBytes: Int { attention.weightBytes + feedForward.weightBytes }
}

/// The second half of a layer: dense or a mixture.
protocol FeedForward: Sendable {
    /// `residual + f(x)`.
    func callAsFunction(_ x: Tensor, addedTo residual: Tensor, on device: any Device) -> Tensor
    /// Memory of its weights.
    var weightBytes: Int { get }
}
