public import OrderedJSON

extension ModelConfig {
    /// Reads `config.json`, in the spelling of transformers 4 or 5, and `generation_config.json`.
    /// - Parameters:
    ///   - object: the configuration.
    ///   - generation: the settings for generation, if there are any; only the end tokens are taken.
    ///   - file: the configuration's file name, for messages.
    /// - Throws: ``CheckpointError`` for values that are missing, out of range or of another type, and for what the
    ///   engine doesn't do: other families, sliding windows, quantised safetensors.
    public init(
        huggingFace object: JSONObject, generation: JSONObject? = nil, file: String = "config.json"
    ) throws(CheckpointError) {
        let source = HuggingFaceConfig(object: object, file: file)
        let model = try source.string("model_type", in: object) ?? ""
        guard let family = Family(rawValue: model) else {
            throw .unsupported(
                file, "model_type", expected: Family.allCases.map(\.rawValue).joined(separator: ", "),
                found: CheckpointError.quoted(model))
        }
        try Self.checkUnsupported(source, family)
        guard let vocabulary = try source.integer("vocab_size", in: object), Limit.vocabulary.contains(vocabulary)
        else {
            throw .malformed(file, "vocab_size", expected: "a value from 1 to \(Limit.vocabulary.upperBound)")
        }
        try self.init(family: family, source: source, vocabSize: vocabulary)
        if hasHeadNorms, try source.integer(.headDim) == nil {
            throw .malformed(file, "head_dim", expected: "this key, which has no fixed default for Qwen 3")
        }
        ropeScaling = try Self.ropeScaling(source, maxPositionEmbeddings)
        attentionBias = family == .qwen2
        tieWordEmbeddings = try source.bool("tie_word_embeddings") ?? false
        if family == .qwen3MoE { try readSparseLayers(source) }
        try checkSlidingWindow(source)
        let ends = try source.integers("eos_token_id")
        var generationEnds: [Int] = []
        if let generation {
            generationEnds = try HuggingFaceConfig(object: generation, file: "generation_config.json")
                .integers("eos_token_id")
        }
        bosTokenID = try source.integer("bos_token_id", in: object)
        for id in generationEnds + ends where !eosTokenIDs.contains(id) { eosTokenIDs.append(id) }
        for id in eosTokenIDs + [bosTokenID].compactMap(\.self) where !(0..<vocabSize).contains(id) {
            throw .inconsistent(
                file, "eos_token_id, bos_token_id", expected: "ids below the vocabulary's \(vocabSize)", found: "\(id)")
        }
    }

    private mutating func readSparseLayers(_ source: HuggingFaceConfig) throws(CheckpointError) {
        // False is the class's default; the released models say true.
        normTopkProb = try source.bool("norm_topk_prob") ?? false
        decoderSparseStep = try source.integer("decoder_sparse_step", in: source.object) ?? 1
        mlpOnlyLayers = try source.integers("mlp_only_layers")
        guard Limit.layers.contains(decoderSparseStep) else {
            throw .malformed(
                source.file, "decoder_sparse_step", expected: "a value from 1 on", found: "\(decoderSparseStep)")
        }
        if let layer = mlpOnlyLayers.first(where: { !(0..<numHiddenLayers).contains($0) }) {
            throw .malformed(
                source.file, "mlp_only_layers", expected: "layers below \(numHiddenLayers)", found: "\(layer)")
        }
        guard intermediateSize > 0 || (0..<numHiddenLayers).allSatisfy(isSparse) else {
            throw .malformed(source.file, "intermediate_size", expected: "this key, for the dense layers")
        }
    }

    private static func checkUnsupported(_ source: HuggingFaceConfig, _ family: Family) throws(CheckpointError) {
        if let activation = try source.string("hidden_act", in: source.object), activation != "silu" {
            throw .unsupported(
                source.file, "hidden_act", expected: "'silu'", found: CheckpointError.quoted(activation))
        }
        // Qwen 2 always has its biases and no such key.
        for key in ["attention_bias", "mlp_bias"] {
            guard family != .qwen2, try source.bool(key) == true else { continue }
            throw .unsupported(source.file, key, expected: "false for \(family.rawValue)", found: "true")
        }
        if let quantisation = source.object["quantization_config"], !quantisation.isNull {
            throw .unsupported(
                source.file, "quantization_config", expected: "safetensors in F32, F16 or BF16; or a GGUF file",
                found: "quantised safetensors")
        }
        let rope = try source.ropeParameters()
        let outer = try source.number("partial_rotary_factor", in: source.object)
        let inner = try source.number("partial_rotary_factor", in: rope)
        let share = inner ?? outer ?? 1
        guard share == 1 else {
            throw .unsupported(
                source.file, "partial_rotary_factor", expected: "1: whole heads are rotated", found: "\(share)")
        }
    }

    /// Sliding windows are refused where they would change a result: in some layer, and shorter than the context.
    private func checkSlidingWindow(_ source: HuggingFaceConfig) throws(CheckpointError) {
        let types = source.object["layer_types"]?.array ?? []
        let isTyped = types.contains { $0.string?.utf8.elementsEqual("full_attention".utf8) != true }
        let isUsed = try source.bool("use_sliding_window") ?? false
        let firstLayer = try source.integer("max_window_layers", in: source.object) ?? 0
        let isInUse = types.isEmpty ? isUsed && firstLayer < numHiddenLayers : isTyped
        let window = try source.integer("sliding_window", in: source.object)
        if isInUse, window ?? 0 < maxPositionEmbeddings {
            throw .unsupported(
                source.file, "sliding_window", expected: "full attention in all layers",
                found: "a window of \(window.map { "\($0)" } ?? "unknown size")")
        }
    }
}

extension ModelConfig {
    private static func ropeScaling(
        _ source: HuggingFaceConfig, _ context: Int
    ) throws(CheckpointError) -> RopeScaling {
        let rope = try source.ropeParameters()
        let (newName, oldName) = (try source.string("rope_type", in: rope), try source.string("type", in: rope))
        let type = newName ?? oldName ?? "default"
        let reader = RopeReader(source: source, object: rope)
        let original = try source.integer("original_max_position_embeddings", in: rope)
        if let original, !Limit.context.contains(original) {
            throw .malformed(
                source.file, "original_max_position_embeddings", expected: "a value from 1 on", found: "\(original)")
        }
        switch type {
        case "default": return .none
        case "linear": return .linear(factor: try reader.positive("factor"))
        case "llama3":
            let (low, high) = (try reader.positive("low_freq_factor"), try reader.positive("high_freq_factor"))
            guard low < high else {
                throw .malformed(source.file, "low_freq_factor", expected: "less than \(high)", found: "\(low)")
            }
            guard let original else {
                throw .malformed(source.file, "original_max_position_embeddings", expected: "this key")
            }
            return .llama3(
                factor: try reader.positive("factor"), lowFreqFactor: low, highFreqFactor: high,
                originalMaxPositionEmbeddings: original)
        case "yarn":
            return .yarn(
                factor: try reader.positive("factor"), originalMaxPositionEmbeddings: original ?? context,
                betaFast: try reader.positive("beta_fast", default: 32),
                betaSlow: try reader.positive("beta_slow", default: 1),
                attentionFactor: rope["attention_factor"]?.isNull ?? true
                    ? nil : try reader.positive("attention_factor"))
        default:
            throw .unsupported(
                source.file, "rope_type", expected: "default, linear, llama3 or yarn",
                found: CheckpointError.quoted(type))
        }
    }

    /// Positive numbers of the rope object.
    private struct RopeReader {
        let source: HuggingFaceConfig
        let object: JSONObject

        func positive(_ key: String, default fallback: Double? = nil) throws(CheckpointError) -> Double {
            let value = try source.number(key, in: object) ?? fallback
            guard let value, value.isFinite, value > 0 else {
                throw .malformed(
                    source.file, key, expected: "a number above 0", found: value.map { "\($0)" } ?? "")
            }
            return value
        }
    }
}
