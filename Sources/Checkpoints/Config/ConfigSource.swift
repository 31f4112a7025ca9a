/// The fields that both kinds of file have; raw values are their names in `config.json`.
enum ConfigKey: String {
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case numHiddenLayers = "num_hidden_layers"
    case numAttentionHeads = "num_attention_heads"
    case numKeyValueHeads = "num_key_value_heads"
    case headDim = "head_dim"
    case maxPositionEmbeddings = "max_position_embeddings"
    case rmsNormEps = "rms_norm_eps"
    case ropeTheta = "rope_theta"
    case numExperts = "num_experts"
    case numExpertsPerTok = "num_experts_per_tok"
    case moeIntermediateSize = "moe_intermediate_size"
}

/// Where configuration values come from: `config.json`, or the metadata of a GGUF file.
protocol ConfigSource {
    /// The file's name, for messages.
    var file: String { get }
    /// What `key` is called there.
    func label(_ key: ConfigKey) -> String
    /// The integer under `key`; `nil` if there is none, an error if something else stands there.
    func integer(_ key: ConfigKey) throws(CheckpointError) -> Int?
    /// The number under `key`, maybe infinite or no number.
    func number(_ key: ConfigKey) throws(CheckpointError) -> Double?
}

extension ConfigSource {
    func integer(_ key: ConfigKey, in range: ClosedRange<Int>) throws(CheckpointError) -> Int? {
        guard let value = try integer(key) else { return nil }
        guard range.contains(value) else {
            throw .malformed(
                file, label(key), expected: "a value from \(range.lowerBound) to \(range.upperBound)", found: "\(value)"
            )
        }
        return value
    }

    func requiredInteger(_ key: ConfigKey, in range: ClosedRange<Int>) throws(CheckpointError) -> Int {
        if let value = try integer(key, in: range) { return value }
        throw .malformed(file, label(key), expected: "this key with a value from \(range.lowerBound) on")
    }

    func positive(_ key: ConfigKey) throws(CheckpointError) -> Double? {
        guard let value = try number(key) else { return nil }
        guard value.isFinite, value > 0 else {
            throw .malformed(file, label(key), expected: "a finite number above 0", found: "\(value)")
        }
        return value
    }
}

extension ModelConfig {
    /// Upper bounds: far above any model, low enough that no product of two extents overflows.
    enum Limit {
        static let vocabulary = 1...(1 << 24)
        static let width = 1...(1 << 24)
        static let layers = 1...4096
        static let heads = 1...(1 << 16)
        static let experts = 0...(1 << 16)
        static let context = 1...((1 << 31) - 1)
    }

    /// Reads and checks what both kinds of file say; the rest keeps its defaults.
    init(family: Family, source: some ConfigSource, vocabSize: Int) throws(CheckpointError) {
        self.family = family
        self.vocabSize = vocabSize
        hiddenSize = try source.requiredInteger(.hiddenSize, in: Limit.width)
        numHiddenLayers = try source.requiredInteger(.numHiddenLayers, in: Limit.layers)
        numAttentionHeads = try source.requiredInteger(.numAttentionHeads, in: Limit.heads)
        numKeyValueHeads = try source.integer(.numKeyValueHeads, in: Limit.heads) ?? numAttentionHeads
        guard numAttentionHeads % numKeyValueHeads == 0 else {
            throw .malformed(
                source.file, source.label(.numKeyValueHeads), expected: "a divisor of the \(numAttentionHeads) heads",
                found: "\(numKeyValueHeads)")
        }
        let stated = try source.integer(.headDim, in: Limit.heads)
        headDim = stated ?? hiddenSize / numAttentionHeads
        guard headDim > 0, headDim % 2 == 0, stated != nil || hiddenSize % numAttentionHeads == 0 else {
            throw .malformed(
                source.file, source.label(.headDim), expected: "an even number, or heads that divide the width evenly",
                found: stated.map { "\($0)" } ?? "\(numAttentionHeads) heads for a width of \(hiddenSize)")
        }
        maxPositionEmbeddings = try source.requiredInteger(.maxPositionEmbeddings, in: Limit.context)
        guard let epsilon = try source.positive(.rmsNormEps) else {
            throw .malformed(source.file, source.label(.rmsNormEps), expected: "this key with a number above 0")
        }
        rmsNormEps = epsilon
        // The default of all four families in transformers and in llama.cpp.
        ropeTheta = try source.positive(.ropeTheta) ?? 10_000
        if family == .qwen3MoE {
            intermediateSize = try source.integer(.intermediateSize, in: Limit.width) ?? 0
            try readExperts(source)
        } else {
            intermediateSize = try source.requiredInteger(.intermediateSize, in: Limit.width)
        }
    }

    private mutating func readExperts(_ source: some ConfigSource) throws(CheckpointError) {
        numExperts = try source.requiredInteger(.numExperts, in: Limit.experts)
        guard numExperts > 0 else {
            throw .malformed(source.file, source.label(.numExperts), expected: "at least one expert", found: "0")
        }
        numExpertsPerTok = try source.requiredInteger(.numExpertsPerTok, in: 1...numExperts)
        moeIntermediateSize = try source.requiredInteger(.moeIntermediateSize, in: Limit.width)
    }
}
