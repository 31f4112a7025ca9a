/// The names that tensors have in GGUF files and in Hugging Face's model classes.
///
/// The latter are canonical here. Stacked experts, which those classes don't have one by one, get the names
/// `…mlp.experts.gate_proj.weight` and so on, shape `[experts, rows, columns]`.
enum TensorNames {
    private static let whole = [
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("output_norm.weight", "model.norm.weight"),
        ("output.weight", "lm_head.weight"),
    ]
    /// Behind `blk.<layer>.` and `model.layers.<layer>.`.
    private static let layered = [
        ("attn_norm.weight", "input_layernorm.weight"),
        ("attn_q.weight", "self_attn.q_proj.weight"),
        ("attn_q.bias", "self_attn.q_proj.bias"),
        ("attn_k.weight", "self_attn.k_proj.weight"),
        ("attn_k.bias", "self_attn.k_proj.bias"),
        ("attn_v.weight", "self_attn.v_proj.weight"),
        ("attn_v.bias", "self_attn.v_proj.bias"),
        ("attn_output.weight", "self_attn.o_proj.weight"),
        ("attn_q_norm.weight", "self_attn.q_norm.weight"),
        ("attn_k_norm.weight", "self_attn.k_norm.weight"),
        ("ffn_norm.weight", "post_attention_layernorm.weight"),
        ("ffn_gate.weight", "mlp.gate_proj.weight"),
        ("ffn_up.weight", "mlp.up_proj.weight"),
        ("ffn_down.weight", "mlp.down_proj.weight"),
        ("ffn_gate_inp.weight", "mlp.gate.weight"),
        ("ffn_gate_exps.weight", "mlp.experts.gate_proj.weight"),
        ("ffn_up_exps.weight", "mlp.experts.up_proj.weight"),
        ("ffn_down_exps.weight", "mlp.experts.down_proj.weight"),
    ]
    private static let toCanonical = Dictionary(uniqueKeysWithValues: (whole + layered).map { ($0.0, $0.1) })
    private static let toGGUF = Dictionary(uniqueKeysWithValues: (whole + layered).map { ($0.1, $0.0) })

    /// The canonical name of a GGUF file's tensor; `nil` if no supported model has such a tensor.
    static func canonical(gguf name: String) -> String? {
        guard let (layer, rest) = layerAndRest(name, prefix: "blk.") else {
            return name.utf8.starts(with: "blk.".utf8) ? nil : whole.first { $0.0 == name }?.1
        }
        return toCanonical[rest].map { "model.layers.\(layer).\($0)" }
    }

    /// What a tensor with a canonical name is called in a GGUF file.
    static func gguf(canonical name: String) -> String {
        guard let (layer, rest) = layerAndRest(name, prefix: "model.layers.") else { return toGGUF[name] ?? name }
        return toGGUF[rest].map { "blk.\(layer).\($0)" } ?? name
    }

    /// Takes `<prefix><layer>.<rest>` apart; the number must be written the usual way, or two names would be one.
    private static func layerAndRest(_ name: String, prefix: String) -> (layer: Int, rest: String)? {
        guard name.utf8.starts(with: prefix.utf8) else { return nil }
        let tail = name.utf8.dropFirst(prefix.utf8.count)
        guard let point = tail.firstIndex(of: UInt8(ascii: ".")), let digits = String(tail[..<point]),
            let layer = Int(digits), layer >= 0, String(layer) == digits,
            let rest = String(tail[tail.index(after: point)...])
        else { return nil }
        return (layer, rest)
    }
}
