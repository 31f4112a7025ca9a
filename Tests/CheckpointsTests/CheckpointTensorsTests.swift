import Checkpoints
import Foundation
import Testing

/// Which tensors a model must have, and how its experts are found.
@Suite struct CheckpointTensorsTests {
    static func open(_ file: GGUFBuilder) throws -> Checkpoint {
        try Checkpoint(ggufBytes: file.bytes(), name: "model.gguf")
    }

    @Test func `tensors have their canonical names and shapes`() throws {
        let checkpoint = try Self.open(TinyModels.llama())
        #expect(try checkpoint.tensor("model.embed_tokens.weight").shape == [8, 8])
        #expect(try checkpoint.tensor("model.layers.0.self_attn.k_proj.weight").shape == [4, 8])
        #expect(
            try checkpoint.tensor("model.layers.0.mlp.down_proj.weight").floats() == Array(repeating: 0.5, count: 96))
        #expect(checkpoint.optionalTensor("lm_head.weight") == nil)
        #expect(checkpoint.tensorNames.count == 11)
        #expect(checkpoint.totalBytes == (64 + 8 + 64 + 32 + 32 + 64 + 8 + 3 * 96 + 8) * 4)
        expectFault("output.weight", "this tensor") { _ = try checkpoint.tensor("lm_head.weight") }
    }

    @Test func `an output head of its own unties the embedding`() throws {
        var file = TinyModels.llama()
        file.add("output.weight", [8, 8])
        let checkpoint = try Self.open(file)
        #expect(!checkpoint.config.tieWordEmbeddings && checkpoint.optionalTensor("lm_head.weight") != nil)
    }

    @Test func `G13 missing, extra and misshapen tensors are listed in one error`() {
        var file = TinyModels.llama()
        file.tensors.removeAll { $0.name == "blk.0.attn_q.weight" }
        file.tensors[2].name = "blk.0.attn_z.weight"
        file.tensors[3].extents = [4, 8]
        file.add("blk.00.attn_k.weight", [8, 4])
        file.add("blk.1.attn_norm.weight", [8])
        expectFault(
            "missing: blk.0.attn_q.weight, blk.0.attn_k.weight;",
            "wrong: blk.0.attn_v.weight of shape [8, 4] instead of [4, 8];",
            "unexpected: blk.0.attn_z.weight, blk.00.attn_k.weight, blk.1.attn_norm.weight."
        ) { _ = try Self.open(file) }
    }

    @Test func `G13 a bias that the family doesn't have, or lacks, is refused`() {
        var file = TinyModels.llama()
        file.add("blk.0.attn_q.bias", [8])
        expectFault("unexpected: blk.0.attn_q.bias.") { _ = try Self.open(file) }
        file = TinyModels.llama()
        for (index, entry) in file.values.enumerated() {
            file.values[index].key = entry.key.replacing("llama.", with: "qwen2.")
        }
        file["general.architecture"] = .string("qwen2")
        expectFault("missing: blk.0.attn_q.bias, blk.0.attn_k.bias, blk.0.attn_v.bias.") { _ = try Self.open(file) }
    }

    @Test func `G13 a weight of integers is refused`() {
        var file = TinyModels.llama()
        file.tensors[1] = .init(
            name: "blk.0.attn_norm.weight", extents: [8], type: 24, data: Array(repeating: 1, count: 8))
        expectFault("blk.0.attn_norm.weight of type I8") { _ = try Self.open(file) }
    }

    @Test func `G13 a config that promises millions of tensors costs one short error`() {
        var file = TinyModels.mixture()
        file["qwen3moe.block_count"] = .uint32(4096)
        file["qwen3moe.expert_count"] = .uint32(65_536)
        expectFault("and 90 more") { _ = try Self.open(file) }
    }

    @Test func `stacked experts are cut apart`() throws {
        var file = TinyModels.mixture()
        let index = try #require(file.tensors.firstIndex { $0.name == "blk.0.ffn_up_exps.weight" })
        file.tensors[index].data = (0..<192).flatMap { littleEndian(Float($0).bitPattern) }
        let checkpoint = try Self.open(file)
        let experts = try checkpoint.experts(layer: 0, projection: "up_proj")
        #expect(experts.map(\.shape) == Array(repeating: [6, 8], count: 4))
        #expect(try experts[3].floats() == (144..<192).map(Float.init))
        #expect(try checkpoint.experts(layer: 0, projection: "down_proj").map(\.shape).last == [8, 6])
        expectFault("this tensor") { _ = try checkpoint.experts(layer: 1, projection: "up_proj") }
        expectFault("this tensor") { _ = try checkpoint.experts(layer: 0, projection: "side_proj") }
    }

    /// The names and shapes of ``TinyModels/mixtureConfig`` without its experts.
    private static let mixtureTensors: [(name: String, shape: [Int])] = [
        ("model.embed_tokens.weight", [8, 8]), ("model.norm.weight", [8]),
        ("model.layers.0.input_layernorm.weight", [8]), ("model.layers.0.post_attention_layernorm.weight", [8]),
        ("model.layers.0.self_attn.q_proj.weight", [8, 8]), ("model.layers.0.self_attn.k_proj.weight", [4, 8]),
        ("model.layers.0.self_attn.v_proj.weight", [4, 8]), ("model.layers.0.self_attn.o_proj.weight", [8, 8]),
        ("model.layers.0.self_attn.q_norm.weight", [4]), ("model.layers.0.self_attn.k_norm.weight", [4]),
        ("model.layers.0.mlp.gate.weight", [4, 8]),
    ]

    static let fusedMixture =
        mixtureTensors + [
            (name: "model.layers.0.mlp.experts.gate_up_proj", shape: [4, 12, 8]),
            (name: "model.layers.0.mlp.experts.down_proj", shape: [4, 8, 6]),
        ]

    @Test func `experts one by one and fused ones are found alike`() throws {
        let single = (0..<4).flatMap { expert in
            ["gate", "up", "down"].map { projection in
                (
                    name: "model.layers.0.mlp.experts.\(expert).\(projection)_proj.weight",
                    shape: projection == "down" ? [8, 6] : [6, 8]
                )
            }
        }
        try TestFiles.withFolder { folder in
            try TestFiles.write(TinyModels.mixtureConfig, "config.json", in: folder)
            let path = try TestFiles.write(
                SafetensorsBuilder.floats(Self.mixtureTensors + single), "model.safetensors", in: folder)
            let first = try Checkpoint(path: path)
            #expect(first.name == folder.lastPathComponent && first.tokenizer == nil)
            #expect(
                try first.experts(layer: 0, projection: "gate_proj").map(\.shape) == Array(repeating: [6, 8], count: 4))
            #expect(try first.experts(layer: 0, projection: "down_proj")[3].floats() == (0..<48).map(Float.init))
        }
        try TestFiles.withFolder { folder in
            try TestFiles.write(TinyModels.mixtureConfig, "config.json", in: folder)
            _ = try TestFiles.write(
                SafetensorsBuilder.floats(Self.fusedMixture), "model.safetensors", in: folder)
            let second = try Checkpoint(path: folder.path(percentEncoded: false))
            let gate = try second.experts(layer: 0, projection: "gate_proj")
            let up = try second.experts(layer: 0, projection: "up_proj")
            #expect(gate.map(\.shape) == Array(repeating: [6, 8], count: 4))
            #expect(try gate[1].floats() == (96..<144).map(Float.init))
            #expect(try up[1].floats() == (144..<192).map(Float.init))
            #expect(try second.experts(layer: 0, projection: "down_proj")[3].floats() == (144..<192).map(Float.init))
        }
    }

    @Test func `G13 safetensors of another model than the config's are refused`() throws {
        try TestFiles.withFolder { folder in
            try TestFiles.write(TinyModels.mixtureConfig, "config.json", in: folder)
            _ = try TestFiles.write(
                SafetensorsBuilder.floats(Self.mixtureTensors + [("extra", [1])]), "model.safetensors", in: folder)
            expectFault("unexpected: extra", "missing: model.layers.0.mlp.experts.0.gate_proj.weight", "6 more") {
                _ = try Checkpoint(path: folder.path(percentEncoded: false))
            }
        }
    }

    @Test func `names without their prefix, as a bare model is saved, are found`() throws {
        let config = TinyModels.mixtureConfig.replacing("\"qwen3_moe\"", with: "\"qwen3\"")
        var tensors = Self.mixtureTensors.filter { !$0.name.contains("mlp") }.map {
            (name: $0.name.replacing("model.", with: ""), shape: $0.shape)
        }
        for name in ["gate_proj", "up_proj"] { tensors.append(("layers.0.mlp.\(name).weight", [12, 8])) }
        tensors += [("layers.0.mlp.down_proj.weight", [8, 12]), ("layers.0.self_attn.rotary_emb.inv_freq", [2])]
        try TestFiles.withFolder { folder in
            try TestFiles.write(config, "config.json", in: folder)
            _ = try TestFiles.write(SafetensorsBuilder.floats(tensors), "model.safetensors", in: folder)
            let checkpoint = try Checkpoint(path: folder.path(percentEncoded: false))
            #expect(try checkpoint.tensor("model.embed_tokens.weight").shape == [8, 8])
            #expect(checkpoint.optionalTensor("lm_head.weight") == nil)
        }
    }

    @Test func `rows are cut along the outermost extent`() throws {
        try TestFiles.withFolder { folder in
            _ = try TestFiles.write(SafetensorsBuilder.floats([("x", [3, 2])]), "model.safetensors", in: folder)
            let tensor = try #require(
                try SafetensorsFolder(path: folder.path(percentEncoded: false)).tensor("x"))
            #expect(try tensor.rows(1..<3).floats() == [2, 3, 4, 5] && tensor.rows(1..<3).shape == [2, 2])
            #expect(try tensor.part(2).floats() == [4, 5] && tensor.part(2).shape == [2])
            #expect(try tensor.rows(3..<3).floats() == [])
            #expect(tensor.byteCount == 24 && tensor.elementCount == 6)
        }
    }
}
