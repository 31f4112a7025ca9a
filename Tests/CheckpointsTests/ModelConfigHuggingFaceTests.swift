import Checkpoints
import OrderedJSON
import Testing

/// `config.json` in both spellings; G12 of TRUST.md for it.
@Suite struct ModelConfigHuggingFaceTests {
    static func config(
        _ changes: [(String, JSONValue?)] = [], of text: String = TinyModels.llamaConfig, generation: String? = nil
    ) throws -> ModelConfig {
        var object = try #require(try JSONValue(parsing: text).object)
        for (key, value) in changes { object[key] = value }
        return try ModelConfig(
            huggingFace: object, generation: try generation.flatMap { try JSONValue(parsing: $0).object })
    }

    @Test func `a configuration is read`() throws {
        let config = try Self.config(
            [("bos_token_id", 3), ("eos_token_id", 4)], generation: "{\"eos_token_id\": [4, 5]}")
        #expect(config.family == .llama && config.hiddenSize == 8 && config.headDim == 4)
        #expect(config.tieWordEmbeddings && !config.ropeIsInterleaved && config.ropeScaling == .none)
        #expect(config.bosTokenID == 3 && config.eosTokenIDs == [4, 5])
        #expect(try Self.config([("head_dim", nil)]).headDim == 4)
        #expect(try Self.config([("num_key_value_heads", nil)]).numKeyValueHeads == 2)
    }

    @Test func `both spellings of the rotation are the same`() throws {
        let old = try Self.config([("rope_theta", 5000.0), ("rope_scaling", ["type": "linear", "factor": 2])])
        let new = try Self.config([
            ("rope_theta", nil), ("rope_parameters", ["rope_theta": 5000, "rope_type": "linear", "factor": 2.0]),
        ])
        #expect(old == new && old.ropeTheta == 5000 && old.ropeScaling == .linear(factor: 2))
    }

    @Test func `both names of the number of experts are the same`() throws {
        let old = try Self.config(of: TinyModels.mixtureConfig)
        let new = try Self.config([("num_experts", nil), ("num_local_experts", 4)], of: TinyModels.mixtureConfig)
        #expect(old == new && old.numExperts == 4 && old.normTopkProb)
    }

    @Test func `stretched rotations are read`() throws {
        let llama3: JSONValue = [
            "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
            "original_max_position_embeddings": 32,
        ]
        #expect(
            try Self.config([("rope_scaling", llama3)]).ropeScaling
                == .llama3(factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 32))
        let yarn: JSONValue = ["rope_type": "yarn", "factor": 4, "attention_factor": 1.5]
        #expect(
            try Self.config([("rope_scaling", yarn)]).ropeScaling
                == .yarn(
                    factor: 4, originalMaxPositionEmbeddings: 64, betaFast: 32, betaSlow: 1, attentionFactor: 1.5))
    }

    @Test(
        arguments: [
            ["rope_type": "dynamic", "factor": 2], ["rope_type": "linear"], ["rope_type": "linear", "factor": 0],
            ["rope_type": "linear", "factor": -1], ["rope_type": "linear", "factor": "2"], ["rope_type": 7],
            [
                "rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4,
                "original_max_position_embeddings": 32,
            ],
            ["rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4],
            ["rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 0],
            ["full_attention": ["rope_type": "default"]], ["partial_rotary_factor": 0.5], [1],
        ] as [JSONValue])
    func `G12 rotations that are wrong or unknown are refused`(rope: JSONValue) {
        expectFault("config.json") { _ = try Self.config([("rope_scaling", rope)]) }
        expectFault("config.json") { _ = try Self.config([("rope_parameters", rope)]) }
    }

    @Test(
        arguments: [
            ("num_attention_heads", 0), ("num_attention_heads", 3), ("num_attention_heads", -2),
            ("num_key_value_heads", 0), ("num_key_value_heads", 3), ("head_dim", 0), ("head_dim", 3), ("head_dim", "4"),
            ("intermediate_size", 0), ("max_position_embeddings", 0), ("max_position_embeddings", 4_294_967_296),
            ("num_hidden_layers", 0), ("num_hidden_layers", 4_294_967_296), ("hidden_size", 8.5), ("hidden_size", true),
            ("hidden_size", 9_223_372_036_854_775_807), ("vocab_size", 0), ("vocab_size", 1e300), ("rope_theta", 0),
            ("rope_theta", -1), ("rope_theta", "10000"), ("rms_norm_eps", 0), ("rms_norm_eps", -1e-6),
            ("rms_norm_eps", nil), ("hidden_size", nil), ("num_hidden_layers", nil), ("num_attention_heads", nil),
            ("intermediate_size", nil), ("max_position_embeddings", nil), ("vocab_size", nil), ("model_type", nil),
            ("model_type", 7), ("tie_word_embeddings", 1), ("eos_token_id", 8), ("eos_token_id", -1),
            ("eos_token_id", ["4"]), ("bos_token_id", 8), ("eos_token_id", [4, 1.5]),
        ] as [(String, JSONValue?)])
    func `G12 values that are missing, wrong or of another type are refused`(key: String, value: JSONValue?) {
        expectFault("config.json", key == "num_attention_heads" && value == 3 ? "num_key_value_heads" : key) {
            var changes = [(key, value)]
            if key == "num_attention_heads", value == 3 { changes.append(("num_key_value_heads", 2)) }
            _ = try Self.config(changes)
        }
    }

    @Test(
        arguments: [
            ("num_experts_per_tok", 5), ("num_experts_per_tok", 0), ("num_experts", 0), ("num_experts", 1_048_576),
            ("moe_intermediate_size", 0), ("decoder_sparse_step", 0), ("mlp_only_layers", [1]),
            ("mlp_only_layers", [-1]),
            ("mlp_only_layers", .array(Array(repeating: 0, count: 5000))),
            ("head_dim", nil),
        ] as [(String, JSONValue?)])
    func `G12 experts that contradict each other are refused`(key: String, value: JSONValue?) {
        expectFault("config.json", key) { _ = try Self.config([(key, value)], of: TinyModels.mixtureConfig) }
    }

    @Test(
        arguments: [
            ("hidden_act", "gelu"), ("attention_bias", true), ("mlp_bias", true), ("partial_rotary_factor", 0.5),
            ("quantization_config", ["quant_method": "gptq"]), ("model_type", "mistral"),
        ] as [(String, JSONValue)])
    func `what the engine doesn't do is refused by name`(key: String, value: JSONValue) {
        expectFault("config.json", key, "Choose another") { _ = try Self.config([(key, value)]) }
    }

    @Test func `a sliding window is refused only where it would be used`() throws {
        let qwen = TinyModels.llamaConfig.replacing("\"llama\"", with: "\"qwen2\"")
        let window: [(String, JSONValue?)] = [("sliding_window", 32), ("max_window_layers", 0)]
        #expect(throws: Never.self) { try Self.config(window + [("use_sliding_window", false)], of: qwen) }
        #expect(throws: Never.self) {
            try Self.config([("sliding_window", 64), ("use_sliding_window", true), ("max_window_layers", 0)], of: qwen)
        }
        #expect(throws: Never.self) {
            try Self.config([("sliding_window", 32), ("use_sliding_window", true), ("max_window_layers", 1)], of: qwen)
        }
        expectFault("sliding_window", "32") { _ = try Self.config(window + [("use_sliding_window", true)], of: qwen) }
        expectFault("sliding_window", "32") {
            _ = try Self.config(window + [("layer_types", ["sliding_attention"])], of: qwen)
        }
        #expect(try Self.config(of: qwen).attentionBias)
    }

    @Test func `only some layers may be sparse`() throws {
        let config = try Self.config(
            [("num_hidden_layers", 6), ("decoder_sparse_step", 2), ("mlp_only_layers", [3])],
            of: TinyModels.mixtureConfig)
        #expect((0..<6).filter(config.isSparse) == [1, 5])
    }
}
