public import Checkpoints
public import Tensors

/// The door to the families: a checkpoint in, a decoder out.
public enum DecoderRegistry {
    /// Packs the checkpoint's weights for `device`.
    /// - Parameter progress: told after each weight how many bytes of the checkpoint are done; throwing stops the load.
    /// - Throws: `CheckpointError` or `TensorError` with the tensor at fault, or what `progress` throws.
    public static func load(
        _ checkpoint: Checkpoint, on device: any Device, progress: @escaping (Int) throws -> Void = { _ in }
    ) throws -> any Decoder {
        let weights = WeightLoader(checkpoint: checkpoint, device: device, progress: progress)
        let family: any DecoderFamily.Type =
            switch checkpoint.config.family {
            case .qwen3: Qwen3.self
            case .qwen3MoE: Qwen3MoE.self
            case .qwen2: Qwen2.self
            case .llama: Llama.self
            }
        return try DecoderStack(weights, family: family)
    }
}
