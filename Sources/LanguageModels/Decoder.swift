public import Checkpoints
public import Tensors

/// A decoder that is loaded and can run: tokens in, hidden states and next-token scores out.
public protocol Decoder: AnyObject, Sendable {
    /// Its shape.
    var config: ModelConfig { get }
    /// Where it runs.
    var device: any Device { get }
    /// Memory of its weights.
    var weightBytes: Int { get }

    /// Runs `batch` through all layers, writing its keys and values into `cache`.
    /// - Returns: hidden states after the final norm, `[rows, hidden]`: of the tokens at `rows` of the batch only.
    func hiddenStates(of batch: Batch, rows: [Int], cache: any KeyValueCache) -> Tensor

    /// The states `[tokens, hidden]` after the embedding, after each layer, and after the final norm, for tests.
    func allStates(of batch: Batch, cache: any KeyValueCache) -> [Tensor]

    /// Scores of the next token, `[rows, vocabSize]`.
    func logits(_ hidden: Tensor) -> Tensor
}

/// What one run through the layers needs besides the states.
struct ForwardPass {
    let device: any Device
    let batch: Batch
    let rotary: RotaryAngles
    let cache: any KeyValueCache
}

/// What sets a family apart: how one of its layers is made. Biases come with the checkpoint, the rest with the config.
protocol DecoderFamily {
    /// Loads layer `index`.
    static func layer(_ index: Int, _ weights: WeightLoader) throws -> PreNormLayer
}

/// Embedding, layers, norm and head: what all families share.
final class DecoderStack: Decoder {
    let config: ModelConfig
    let device: any Device
    private let embedding: any Weight
    private let layers: [PreNormLayer]
    private let norm: RMSNorm
    private let head: any Weight
    private let rotary: RotaryEmbedding

    init(_ weights: WeightLoader, family: any DecoderFamily.Type) throws {
        config = weights.config
        device = weights.device
        embedding = try weights.matrix("model.embed_tokens.weight")
        layers = try (0..<config.numHiddenLayers).map { try family.layer($0, weights) }
        norm = try RMSNorm(weights, "model.norm.weight")
        head = config.tieWordEmbeddings ? embedding : try weights.matrix("lm_head.weight")
        rotary = RotaryEmbedding(config)
    }

    var weightBytes: Int {
        embedding.bytes + (config.tieWordEmbeddings ? 0 : head.bytes) + layers.reduce(0) { $0 + $1.weightBytes }
    }

    func hiddenStates(of batch: Batch, rows: [Int], cache: any KeyValueCache) -> Tensor {
        let last = run(batch, cache: cache) { _ in }
        return norm(device.rows(last, rows), on: device)
    }

    func allStates(of batch: Batch, cache: any KeyValueCache) -> [Tensor] {
        var states: [Tensor] = []
        let last = run(batch, cache: cache) { states.append($0) }
        // Transformers reports the last layer's state only after the final norm.
        return states.dropLast() + [norm(last, on: device)]
    }

    private func run(_ batch: Batch, cache: any KeyValueCache, observe: (Tensor) -> Void) -> Tensor {
        let pass = ForwardPass(
            device: device, batch: batch, rotary: rotary.angles(at: batch.positions, on: device), cache: cache)
        var x = device.embed(batch.tokens, table: embedding)
        observe(x)
        for (index, layer) in layers.enumerated() {
            x = layer(x, pass: pass, layer: index)
            observe(x)
        }
        return x
    }

    func logits(_ hidden: Tensor) -> Tensor { device.linear(hidden, [Projection(head)])[0] }
}
