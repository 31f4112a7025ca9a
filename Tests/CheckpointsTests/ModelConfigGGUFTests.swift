import Checkpoints
import Testing

/// The architecture's keys of GGUF files: right ones, and G12 of TRUST.md.
@Suite struct ModelConfigGGUFTests {
    static func config(_ change: (inout GGUFBuilder) -> Void = { _ in }) throws -> ModelConfig {
        var file = TinyModels.llama()
        change(&file)
        return try Checkpoint(ggufBytes: file.bytes(), name: "model.gguf").config
    }

    @Test func `a configuration is read from metadata and tensors`() throws {
        let config = try Self.config()
        #expect(config.family == .llama && config.vocabSize == 8 && config.hiddenSize == 8)
        #expect(config.numHiddenLayers == 1 && config.numAttentionHeads == 2 && config.numKeyValueHeads == 1)
        #expect(config.headDim == 4 && config.maxPositionEmbeddings == 64 && config.ropeTheta == 10_000)
        #expect(config.ropeIsInterleaved && config.tieWordEmbeddings && !config.attentionBias)
        #expect(config.ropeScaling == .none)
        #expect(try Self.config { $0["llama.attention.key_length"] = nil }.headDim == 4)
    }

    @Test func `a mixture of experts is read with its experts`() throws {
        let config = try Checkpoint(ggufBytes: TinyModels.mixture().bytes(), name: "model.gguf").config
        #expect(config.family == .qwen3MoE && config.numExperts == 4 && config.numExpertsPerTok == 2)
        #expect(config.moeIntermediateSize == 6 && config.isSparse(layer: 0) && !config.ropeIsInterleaved)
    }

    @Test(arguments: [
        ("attention.head_count", 0), ("attention.head_count", 1 << 32), ("attention.head_count_kv", 0),
        ("attention.head_count_kv", 3), ("attention.key_length", 0), ("attention.key_length", 3),
        ("rope.dimension_count", 6), ("rope.dimension_count", 0), ("feed_forward_length", 0), ("context_length", 0),
        ("context_length", 1 << 32), ("block_count", 0), ("block_count", 1 << 32), ("embedding_length", 0),
        ("embedding_length", 1 << 40), ("attention.head_count", -1),
    ])
    func `G12 extents of zero, odd, huge or contradictory ones are refused`(key: String, value: Int) {
        expectFault("llama.\(key)", "\(value)") {
            _ = try Self.config { $0["llama.\(key)"] = .init(type: 11, bytes: littleEndian(value)) }
        }
    }

    @Test(arguments: ["rope.freq_base", "attention.layer_norm_rms_epsilon"])
    func `G12 floats that are zero, negative, infinite or no number are refused`(key: String) {
        for value in [0, -1, .infinity, -.infinity, .nan, .signalingNaN] as [Float] {
            expectFault("llama.\(key)") { _ = try Self.config { $0["llama.\(key)"] = .float32(value) } }
        }
    }

    @Test(arguments: [0, 2, 3] as [UInt32])
    func `G12 another number of layers than tensors is refused`(layers: UInt32) {
        expectFault("model.gguf") { _ = try Self.config { $0["llama.block_count"] = .uint32(layers) } }
    }

    @Test(arguments: [
        "general.architecture", "llama.embedding_length", "llama.block_count", "llama.attention.head_count",
        "llama.feed_forward_length", "llama.context_length", "llama.attention.layer_norm_rms_epsilon",
        "tokenizer.ggml.model", "tokenizer.ggml.tokens",
    ])
    func `G12 a key that is missing or of another type is refused`(key: String) {
        expectFault(key) { _ = try Self.config { $0[key] = nil } }
        expectFault(key) { _ = try Self.config { $0[key] = .array(8, count: 0, []) } }
        expectFault(key) { _ = try Self.config { $0[key] = .bool(true) } }
    }

    @Test func `G12 more experts used than there are, or none, is refused`() {
        let wrong: [(key: String, value: UInt32)] = [
            ("expert_used_count", 5), ("expert_used_count", 0), ("expert_count", 0), ("expert_count", 1 << 20),
            ("expert_feed_forward_length", 0),
        ]
        for (key, value) in wrong {
            var file = TinyModels.mixture()
            file["qwen3moe.\(key)"] = .uint32(value)
            expectFault("qwen3moe.expert", "\(value)") {
                _ = try Checkpoint(ggufBytes: file.bytes(), name: "model.gguf")
            }
        }
        expectFault("llama.expert_count", "8") { _ = try Self.config { $0["llama.expert_count"] = .uint32(8) } }
    }

    @Test func `another architecture is refused by name`() {
        expectFault("general.architecture", "'gemma3'") {
            _ = try Self.config { $0["general.architecture"] = .string("gemma3") }
        }
    }

    @Test func `heads of unequal length and windows are refused`() {
        expectFault("llama.attention.value_length", "2") {
            _ = try Self.config { $0["llama.attention.value_length"] = .uint32(2) }
        }
        expectFault("llama.rope.dimension_count", "2") {
            _ = try Self.config { $0["llama.rope.dimension_count"] = .uint32(2) }
        }
        expectFault("llama.attention.sliding_window", "32") {
            _ = try Self.config { $0["llama.attention.sliding_window"] = .uint32(32) }
        }
        #expect(throws: Never.self) { try Self.config { $0["llama.attention.sliding_window"] = .uint32(64) } }
    }

    @Test func `stretched rotations are read`() throws {
        func scaling(_ values: [(String, GGUFBuilder.Value)]) throws -> RopeScaling {
            try Self.config { file in for (key, value) in values { file["llama.rope.\(key)"] = value } }.ropeScaling
        }
        #expect(try scaling([("scaling.factor", .float32(4))]) == .linear(factor: 4))
        #expect(try scaling([("scale_linear", .float32(2))]) == .linear(factor: 2))
        #expect(try scaling([("scaling.type", .string("none")), ("scaling.factor", .float32(4))]) == .none)
        let yarn: [(String, GGUFBuilder.Value)] = [
            ("scaling.type", .string("yarn")), ("scaling.factor", .float32(4)),
            ("scaling.original_context_length", .uint32(32)),
        ]
        #expect(
            try scaling(yarn)
                == .yarn(
                    factor: 4, originalMaxPositionEmbeddings: 32, betaFast: 32, betaSlow: 1, attentionFactor: nil))
        expectFault("llama.rope.scaling.type", "'longrope'") {
            _ = try scaling([("scaling.type", .string("longrope"))])
        }
        expectFault("llama.rope.scaling.factor") { _ = try scaling([("scaling.factor", .float32(.nan))]) }
        expectFault("llama.rope.scaling.original_context_length") {
            _ = try scaling(yarn.dropLast() + [("scaling.original_context_length", .uint32(0))])
        }
    }

    @Test func `a tensor of frequency factors is read, and refused if it is no good`() throws {
        let factors = try Self.config { $0.add("rope_freqs.weight", [2], value: 8) }.ropeScaling
        #expect(factors == .frequencyFactors([8, 8]))
        expectFault("rope_freqs.weight", "3 factors") { _ = try Self.config { $0.add("rope_freqs.weight", [3]) } }
        expectFault("rope_freqs.weight") { _ = try Self.config { $0.add("rope_freqs.weight", [2], value: 0) } }
        expectFault("rope_freqs.weight") { _ = try Self.config { $0.add("rope_freqs.weight", [2], value: .nan) } }
        expectFault("rope_freqs.weight") {
            _ = try Self.config { file in
                file.tensors.append(.init(name: "rope_freqs.weight", extents: [2], type: 24, data: [1, 1]))
            }
        }
    }
}
