import Tensors

extension TensorTable {
    /// The ways in which files keep the experts of a layer.
    enum ExpertLayout {
        /// Three tensors of all experts: GGUF.
        case stacked
        /// Two tensors of all experts, gate above up: transformers 5.
        case fused
        /// Three tensors for each expert: transformers 4.
        case single
    }

    /// How the experts named `name` (`model.layers.<layer>.mlp.experts`) are kept.
    func expertLayout(_ name: String) -> ExpertLayout {
        if isGGUF { return .stacked }
        return self["\(name).gate_up_proj"] == nil ? .single : .fused
    }

    /// One matrix for each of `count` experts.
    /// - Parameter projection: `gate_proj`, `up_proj` or `down_proj`.
    func experts(layer: Int, projection: String, count: Int) throws(CheckpointError) -> [CheckpointTensor] {
        let name = "model.layers.\(layer).mlp.experts"
        switch expertLayout(name) {
        case .stacked: return try parts("\(name).\(projection).weight", count: count)
        case .fused where projection == "down_proj": return try parts("\(name).\(projection)", count: count)
        case .fused:
            return try parts("\(name).gate_up_proj", count: count).map { both in
                let half = both.shape[0] / 2
                return projection == "gate_proj" ? both.rows(0..<half) : both.rows(half..<both.shape[0])
            }
        case .single:
            var experts: [CheckpointTensor] = []
            for expert in 0..<count { experts.append(try required("\(name).\(expert).\(projection).weight")) }
            return experts
        }
    }

    /// The weight named `name`, which must be there.
    func required(_ name: String) throws(CheckpointError) -> CheckpointTensor {
        if let tensor = weight(name) { return tensor }
        throw .inconsistent(file, shown(name), expected: "this tensor")
    }

    private func parts(_ name: String, count: Int) throws(CheckpointError) -> [CheckpointTensor] {
        let all = try required(name)
        guard all.shape.count == 3, all.shape[0] == count else {
            throw .inconsistent(file, shown(name), expected: "\(count) matrices", found: "the shape \(all.shape)")
        }
        return (0..<count).map(all.part)
    }
}
