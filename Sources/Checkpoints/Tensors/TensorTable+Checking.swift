import OrderedJSON
import Tensors

extension TensorTable {
    /// How many faults of each kind one error lists.
    private static let listedFaults = 6
    /// After so many the search ends: a config that promises millions of tensors costs no more.
    private static let maximumFaults = 100

    /// Checks that the table holds exactly what `config` needs, each with the right shape and a type for weights.
    /// - Throws: one ``CheckpointError`` that lists the faults.
    func check(against config: ModelConfig) throws(CheckpointError) {
        var check = Check(table: self)
        check.need("model.embed_tokens.weight", [config.vocabSize, config.hiddenSize])
        check.need("model.norm.weight", [config.hiddenSize])
        if config.tieWordEmbeddings {
            check.allow("lm_head.weight")
        } else {
            check.need("lm_head.weight", [config.vocabSize, config.hiddenSize])
        }
        for layer in 0..<config.numHiddenLayers where check.isBelowLimit { check.needLayer(layer, config) }
        // Where the search was cut short, what is left over is no fault yet.
        let unexpected = check.isBelowLimit ? check.leftovers() : []
        let faults = [("missing", check.missing), ("wrong", check.wrong), ("unexpected", unexpected)]
        let listed = faults.filter { !$0.1.isEmpty }.map { kind, names in
            let rest = names.count - Self.listedFaults
            return "\(kind): \(names.prefix(Self.listedFaults).joined(separator: ", "))"
                + (rest > 0 ? " and \(rest) more" : "")
        }
        guard !listed.isEmpty else { return }
        throw .inconsistent(
            file, "tensors",
            expected: "those of a \(config.family.rawValue) of \(config.numHiddenLayers) layers and no others",
            found: listed.joined(separator: "; "))
    }

    /// A check under way: what was asked for, and what was wrong.
    private struct Check {
        let table: TensorTable
        private(set) var missing: [String] = []
        private(set) var wrong: [String] = []
        private var used: Set<UTF8Key> = []

        init(table: TensorTable) { self.table = table }

        var isBelowLimit: Bool { missing.count + wrong.count < TensorTable.maximumFaults }

        mutating func allow(_ name: String) { used.insert(UTF8Key(name)) }

        mutating func need(_ name: String, _ shape: [Int]) {
            guard let tensor = table[name]?.tensor else {
                missing.append(table.shown(name))
                return
            }
            allow(name)
            let stored = CheckpointError.shown(tensor.name)
            if tensor.shape != shape { wrong.append("\(stored) of shape \(tensor.shape) instead of \(shape)") }
            if case .other(let type, _) = tensor.elementType {
                wrong.append("\(stored) of type \(type), which no weight may have")
            }
        }

        mutating func needLayer(_ layer: Int, _ config: ModelConfig) {
            let name = "model.layers.\(layer)"
            let (hidden, head) = (config.hiddenSize, config.headDim)
            let (queries, keys) = (config.numAttentionHeads * head, config.numKeyValueHeads * head)
            need("\(name).input_layernorm.weight", [hidden])
            need("\(name).self_attn.q_proj.weight", [queries, hidden])
            need("\(name).self_attn.k_proj.weight", [keys, hidden])
            need("\(name).self_attn.v_proj.weight", [keys, hidden])
            need("\(name).self_attn.o_proj.weight", [hidden, queries])
            if config.attentionBias {
                need("\(name).self_attn.q_proj.bias", [queries])
                need("\(name).self_attn.k_proj.bias", [keys])
                need("\(name).self_attn.v_proj.bias", [keys])
            }
            if config.hasHeadNorms {
                need("\(name).self_attn.q_norm.weight", [head])
                need("\(name).self_attn.k_norm.weight", [head])
            }
            need("\(name).post_attention_layernorm.weight", [hidden])
            if config.isSparse(layer: layer) {
                need("\(name).mlp.gate.weight", [config.numExperts, hidden])
                needExperts("\(name).mlp.experts", config)
            } else {
                need("\(name).mlp.gate_proj.weight", [config.intermediateSize, hidden])
                need("\(name).mlp.up_proj.weight", [config.intermediateSize, hidden])
                need("\(name).mlp.down_proj.weight", [hidden, config.intermediateSize])
            }
            allow("\(name).self_attn.rotary_emb.inv_freq")
        }

        private mutating func needExperts(_ name: String, _ config: ModelConfig) {
            let (count, width, hidden) = (config.numExperts, config.moeIntermediateSize, config.hiddenSize)
            switch table.expertLayout(name) {
            case .stacked:
                need("\(name).gate_proj.weight", [count, width, hidden])
                need("\(name).up_proj.weight", [count, width, hidden])
                need("\(name).down_proj.weight", [count, hidden, width])
            case .fused:
                need("\(name).gate_up_proj", [count, 2 * width, hidden])
                need("\(name).down_proj", [count, hidden, width])
            case .single:
                for expert in 0..<count where isBelowLimit {
                    need("\(name).\(expert).gate_proj.weight", [width, hidden])
                    need("\(name).\(expert).up_proj.weight", [width, hidden])
                    need("\(name).\(expert).down_proj.weight", [hidden, width])
                }
            }
        }

        /// Tensors that nobody asked for: the file is of another model than its config says.
        mutating func leftovers() -> [String] {
            allow(TensorTable.ropeFactors)
            allow("model.rotary_emb.inv_freq")
            var leftovers = table.unknown
            for (name, entry) in table.entries where !used.contains(name) { leftovers.append(entry.tensor.name) }
            return leftovers.sorted().map(CheckpointError.shown)
        }
    }
}
