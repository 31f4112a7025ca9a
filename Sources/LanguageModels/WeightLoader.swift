public import Checkpoints
public import Tensors

/// Takes weights out of a checkpoint by name and packs them for a device.
final class WeightLoader {
    let config: ModelConfig
    let device: any Device
    private let checkpoint: Checkpoint
    private let progress: (Int) throws -> Void
    private var bytesDone = 0

    init(checkpoint: Checkpoint, device: any Device, progress: @escaping (Int) throws -> Void) {
        config = checkpoint.config
        self.checkpoint = checkpoint
        self.device = device
        self.progress = progress
    }

    /// A matrix of that name.
    func matrix(_ name: String) throws -> any Weight { try pack([try checkpoint.tensor(name)]) }

    /// A matrix with its bias, if there is a tensor for one.
    func projection(_ name: String) throws -> Projection {
        let bias = try checkpoint.optionalTensor("\(name).bias").map {
            device.tensor(try $0.floats(), shape: [$0.elementCount])
        }
        return Projection(try matrix("\(name).weight"), bias: bias)
    }

    /// A vector of that name, as floats.
    func vector(_ name: String) throws -> Tensor {
        let tensor = try checkpoint.tensor(name)
        return device.tensor(try tensor.floats(), shape: [tensor.elementCount])
    }

    /// The experts of a layer, as one stack.
    func experts(layer: Int, _ projection: String) throws -> any Weight {
        try pack(try checkpoint.experts(layer: layer, projection: projection))
    }

    private func pack(_ tensors: [CheckpointTensor]) throws -> any Weight {
        let weight = try device.prepare(tensors)
        bytesDone += tensors.reduce(0) { $0 + $1.byteCount }
        try progress(bytesDone)
        return weight
    }
}

extension CheckpointTensor: StoredMatrix {
    /// Output width.
    public var rows: Int { shape.first ?? 0 }
    /// Input width.
    public var columns: Int { shape.dropFirst().reduce(1, *) }
}
