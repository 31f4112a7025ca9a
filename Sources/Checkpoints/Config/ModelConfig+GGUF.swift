import Foundation

/// The `{architecture}.…` keys of a GGUF file.
struct GGUFConfig: ConfigSource {
    let metadata: GGUFMetadata
    let architecture: String

    var file: String { metadata.file }

    func label(_ key: ConfigKey) -> String {
        let name =
            switch key {
            case .hiddenSize: "embedding_length"
            case .intermediateSize: "feed_forward_length"
            case .numHiddenLayers: "block_count"
            case .numAttentionHeads: "attention.head_count"
            case .numKeyValueHeads: "attention.head_count_kv"
            case .headDim: "attention.key_length"
            case .maxPositionEmbeddings: "context_length"
            case .rmsNormEps: "attention.layer_norm_rms_epsilon"
            case .ropeTheta: "rope.freq_base"
            case .numExperts: "expert_count"
            case .numExpertsPerTok: "expert_used_count"
            case .moeIntermediateSize: "expert_feed_forward_length"
            }
        return full(name)
    }

    func full(_ name: String) -> String { "\(architecture).\(name)" }

    func integer(_ key: ConfigKey) throws(CheckpointError) -> Int? { try metadata.integer(label(key)) }
    func number(_ key: ConfigKey) throws(CheckpointError) -> Double? { try metadata.number(label(key)) }

    /// The positive number under the first of `names` that has one; 0 stands for none.
    func positive(_ names: [String], default fallback: Double) throws(CheckpointError) -> Double {
        for name in names {
            guard let value = try metadata.number(full(name)), value != 0 else { continue }
            guard value.isFinite, value > 0 else {
                throw .malformed(file, full(name), expected: "a finite number above 0", found: "\(value)")
            }
            return value
        }
        return fallback
    }
}

extension ModelConfig {
    private static let architectures: [(String, Family)] = [
        ("qwen3", .qwen3), ("qwen3moe", .qwen3MoE), ("qwen2", .qwen2), ("llama", .llama),
    ]

    /// Reads a GGUF file's metadata; what it doesn't say follows from the tensors.
    /// - Parameters:
    ///   - metadata: of the first file.
    ///   - embedding: the shape of the embedding, `[vocabulary, hidden]`.
    ///   - isTied: whether there is no tensor for the output head.
    ///   - frequencyFactors: the values of `rope_freqs.weight`, if there is one.
    init(
        _ metadata: GGUFMetadata, embedding: [Int], isTied: Bool, frequencyFactors: [Float]?
    ) throws(CheckpointError) {
        let architecture = try metadata.requiredString("general.architecture")
        guard let family = Self.architectures.first(where: { $0.0 == architecture })?.1 else {
            throw .unsupported(
                metadata.file, "general.architecture",
                expected: Self.architectures.map(\.0).joined(separator: ", "),
                found: CheckpointError.quoted(architecture))
        }
        let source = GGUFConfig(metadata: metadata, architecture: architecture)
        guard let rows = embedding.first, Limit.vocabulary.contains(rows) else {
            throw .malformed(
                metadata.file, "token_embd.weight", expected: "1 to \(Limit.vocabulary.upperBound) rows",
                found: "the shape \(embedding)")
        }
        let vocabulary = try metadata.integer(source.full("vocab_size")) ?? rows
        guard vocabulary == rows else {
            throw .inconsistent(
                metadata.file, source.full("vocab_size"), expected: "the embedding's \(rows) rows",
                found: "\(vocabulary)")
        }
        try self.init(family: family, source: source, vocabSize: rows)
        attentionBias = family == .qwen2
        // Converters permute the rows of Llama's q and k; Qwen's stay as they are.
        ropeIsInterleaved = family == .llama
        tieWordEmbeddings = isTied
        try checkHeads(source)
        try checkUnsupported(source)
        ropeScaling = try ropeScaling(source, frequencyFactors)
    }

    private func checkHeads(_ source: GGUFConfig) throws(CheckpointError) {
        let valueKey = source.full("attention.value_length")
        if let values = try source.metadata.integer(valueKey), values != headDim {
            throw .unsupported(source.file, valueKey, expected: "the keys' length, \(headDim)", found: "\(values)")
        }
        let rotaryKey = source.full("rope.dimension_count")
        if let rotary = try source.metadata.integer(rotaryKey), rotary != headDim {
            guard (1..<headDim).contains(rotary) else {
                throw .malformed(source.file, rotaryKey, expected: "at most the head's \(headDim)", found: "\(rotary)")
            }
            throw .unsupported(source.file, rotaryKey, expected: "whole heads of \(headDim)", found: "\(rotary)")
        }
    }

    private func checkUnsupported(_ source: GGUFConfig) throws(CheckpointError) {
        let windowKey = source.full("attention.sliding_window")
        if let window = try source.metadata.integer(windowKey), window > 0, window < maxPositionEmbeddings {
            throw .unsupported(source.file, windowKey, expected: "full attention in all layers", found: "\(window)")
        }
        if numExperts == 0 {
            let expertKey = source.label(.numExperts)
            if let experts = try source.metadata.integer(expertKey), experts != 0 {
                throw .unsupported(source.file, expertKey, expected: "a dense \(family.rawValue)", found: "\(experts)")
            }
        }
    }

    private func ropeScaling(_ source: GGUFConfig, _ factors: [Float]?) throws(CheckpointError) -> RopeScaling {
        let typeKey = source.full("rope.scaling.type")
        let type = try source.metadata.string(typeKey)
        let factor = try source.positive(["rope.scaling.factor", "rope.scale_linear"], default: 1)
        if let factors {
            guard factor == 1 || type == "none", factors.count == headDim / 2,
                factors.allSatisfy({ $0.isFinite && $0 > 0 })
            else {
                throw .malformed(
                    source.file, "rope_freqs.weight", expected: "\(headDim / 2) factors above 0 and no other scaling",
                    found: "\(factors.count) factors")
            }
            return .frequencyFactors(factors)
        }
        switch type {
        case "none"?: return .none
        case nil, "linear"?: return factor == 1 ? .none : .linear(factor: factor)
        case "yarn"?:
            let originalKey = source.full("rope.scaling.original_context_length")
            let original = try source.metadata.integer(originalKey) ?? maxPositionEmbeddings
            guard Limit.context.contains(original) else {
                throw .malformed(source.file, originalKey, expected: "a value from 1 on", found: "\(original)")
            }
            // llama.cpp's factor comes on top of YaRN's own.
            let extra = try source.positive(["rope.scaling.yarn_attn_factor", "rope.scaling.attn_factor"], default: 1)
            return .yarn(
                factor: factor, originalMaxPositionEmbeddings: original,
                betaFast: try source.positive(["rope.scaling.yarn_beta_fast"], default: 32),
                betaSlow: try source.positive(["rope.scaling.yarn_beta_slow"], default: 1),
                attentionFactor: extra == 1 ? nil : extra * (0.1 * log(factor) + 1))
        case let other?:
            throw .unsupported(
                source.file, typeKey, expected: "none, linear or yarn", found: CheckpointError.quoted(other))
        }
    }
}
