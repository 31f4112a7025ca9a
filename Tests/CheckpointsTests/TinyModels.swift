import Foundation

/// Models of a few kilobytes, so that a test can try every byte of them.
enum TinyModels {
    static let tokens = ["a", "b", "ab", "c", "<|im_end|>", "d", "e", "f"]

    /// A Llama of one layer: width 8, 2 heads of 4, 1 key-value head, 8 tokens.
    static func llama() -> GGUFBuilder {
        var file = GGUFBuilder()
        addSettings(to: &file, architecture: "llama")
        file.add("token_embd.weight", [8, 8])
        addAttention(to: &file)
        file.add("blk.0.ffn_gate.weight", [8, 12])
        file.add("blk.0.ffn_up.weight", [8, 12])
        file.add("blk.0.ffn_down.weight", [12, 8])
        file.add("output_norm.weight", [8])
        return file
    }

    /// A Qwen 3 of one layer with 4 experts, of which 2 are used.
    static func mixture() -> GGUFBuilder {
        var file = GGUFBuilder()
        addSettings(to: &file, architecture: "qwen3moe")
        file["qwen3moe.expert_count"] = .uint32(4)
        file["qwen3moe.expert_used_count"] = .uint32(2)
        file["qwen3moe.expert_feed_forward_length"] = .uint32(6)
        file.add("token_embd.weight", [8, 8])
        addAttention(to: &file)
        file.add("blk.0.attn_q_norm.weight", [4])
        file.add("blk.0.attn_k_norm.weight", [4])
        file.add("blk.0.ffn_gate_inp.weight", [8, 4])
        file.add("blk.0.ffn_gate_exps.weight", [8, 6, 4])
        file.add("blk.0.ffn_up_exps.weight", [8, 6, 4])
        file.add("blk.0.ffn_down_exps.weight", [6, 8, 4])
        file.add("output_norm.weight", [8])
        return file
    }

    private static func addSettings(to file: inout GGUFBuilder, architecture: String) {
        file["general.architecture"] = .string(architecture)
        file["\(architecture).context_length"] = .uint32(64)
        file["\(architecture).embedding_length"] = .uint32(8)
        file["\(architecture).block_count"] = .uint32(1)
        file["\(architecture).feed_forward_length"] = .uint32(12)
        file["\(architecture).attention.head_count"] = .uint32(2)
        file["\(architecture).attention.head_count_kv"] = .uint32(1)
        file["\(architecture).attention.key_length"] = .uint32(4)
        file["\(architecture).attention.layer_norm_rms_epsilon"] = .float32(1e-6)
        file["\(architecture).rope.freq_base"] = .float32(10_000)
        file["tokenizer.ggml.model"] = .string("gpt2")
        file["tokenizer.ggml.pre"] = .string("qwen2")
        file["tokenizer.ggml.tokens"] = .strings(tokens)
        file["tokenizer.ggml.token_type"] = .int32s([1, 1, 1, 1, 3, 1, 1, 1])
        file["tokenizer.ggml.merges"] = .strings(["a b"])
        file["tokenizer.ggml.eos_token_id"] = .uint32(4)
    }

    private static func addAttention(to file: inout GGUFBuilder) {
        file.add("blk.0.attn_norm.weight", [8])
        file.add("blk.0.attn_q.weight", [8, 8])
        file.add("blk.0.attn_k.weight", [8, 4])
        file.add("blk.0.attn_v.weight", [8, 4])
        file.add("blk.0.attn_output.weight", [8, 8])
        file.add("blk.0.ffn_norm.weight", [8])
    }

    /// A `config.json` for ``llama()``.
    static let llamaConfig = """
        {"model_type": "llama", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6, "rope_theta": 10000, "tie_word_embeddings": true, "hidden_act": "silu"}
        """

    /// A `config.json` for ``mixture()``.
    static let mixtureConfig = """
        {"model_type": "qwen3_moe", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6, "rope_theta": 10000, "tie_word_embeddings": true, "num_experts": 4,
        "num_experts_per_tok": 2, "moe_intermediate_size": 6, "norm_topk_prob": true}
        """
}

/// Writes safetensors files by hand.
enum SafetensorsBuilder {
    /// A file with `header` as it stands and `data` behind it.
    static func bytes(header: String, data: [UInt8] = []) -> [UInt8] { counted(Array(header.utf8)) + data }

    /// A file of float tensors; each element is its index times `step`.
    static func floats(_ tensors: [(name: String, shape: [Int])], step: Float = 1) -> [UInt8] {
        var entries: [String] = []
        var data: [UInt8] = []
        for (name, shape) in tensors {
            let count = shape.reduce(1, *)
            entries.append(
                "\"\(name)\": {\"dtype\": \"F32\", \"shape\": \(shape), "
                    + "\"data_offsets\": [\(data.count), \(data.count + count * 4)]}")
            for index in 0..<count { data += littleEndian((Float(index) * step).bitPattern) }
        }
        return bytes(header: "{\(entries.joined(separator: ", "))}", data: data)
    }
}
