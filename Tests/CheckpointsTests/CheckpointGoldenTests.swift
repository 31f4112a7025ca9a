import Checkpoints
import Foundation
import OrderedJSON
import Tensors
import Testing

/// The fixtures' models: each family as safetensors and in several GGUF formats.
@Suite struct CheckpointGoldenTests {
    static let families = ["qwen3", "qwen3_untied", "qwen3_moe", "qwen2", "llama"]
    static let quantised = families.flatMap { family in
        let types = ["F16", "Q8_0", "Q4_0"] + (family == "llama" ? ["Q4_K_M", "Q5_K_M", "Q6_K", "IQ4_XS"] : [])
        return types.map { "\(family)/model-\($0).gguf" }
    }

    static func open(_ path: String) throws -> Checkpoint {
        try Checkpoint(path: TestFiles.golden.appending(path: "lm/\(path)").path(percentEncoded: false))
    }

    /// Names as a dense or stacked model would have them.
    static func names(_ checkpoint: Checkpoint) -> Set<String> {
        Set(
            checkpoint.tensorNames.map { name in
                guard name.contains(".experts."), let layer = name.split(separator: ".").dropFirst(2).first else {
                    return name
                }
                return "model.layers.\(layer).experts"
            })
    }

    @Test(arguments: quantised)
    func `a GGUF file has the names and the config of the safetensors`(path: String) throws {
        let file = try Self.open(path)
        let folder = try Self.open(String(path.prefix { $0 != "/" }))
        #expect(Self.names(file) == Self.names(folder))
        var expected = folder.config
        // What the two kinds of file write differently.
        expected.ropeIsInterleaved = file.config.family == .llama
        expected.rmsNormEps = file.config.rmsNormEps
        expected.bosTokenID = file.config.bosTokenID
        expected.eosTokenIDs = file.config.eosTokenIDs
        #expect(file.config == expected)
        #expect(abs(file.config.rmsNormEps - folder.config.rmsNormEps) < 1e-12)
        #expect(Set(file.config.eosTokenIDs).isSuperset(of: folder.config.eosTokenIDs))
        #expect(file.specialTokens["eos_token"] == folder.specialTokens["eos_token"])
        #expect(file.chatTemplate == folder.chatTemplate && file.chatTemplate?.isEmpty == false)
        #expect(file.name == path.split(separator: "/")[1].dropLast(5))
        for name in folder.tensorNames where !name.contains(".experts.") {
            #expect(try file.tensor(name).shape == folder.tensor(name).shape)
        }
    }

    @Test(arguments: families)
    func `a folder is read with its tokeniser`(family: String) throws {
        let checkpoint = try Self.open(family)
        #expect(checkpoint.name == family)
        guard case .huggingFace(let file)? = checkpoint.tokenizer else {
            Issue.record("no tokeniser")
            return
        }
        #expect(try file.contents().first == UInt8(ascii: "{"))
        #expect(checkpoint.specialTokens["eos_token"] == "<|im_end|>")
        #expect(checkpoint.totalBytes > 1_000_000)
        #expect(
            try Checkpoint(
                path: TestFiles.golden.appending(path: "lm/\(family)/model.safetensors")
                    .path(percentEncoded: false)
            ).name == family)
    }

    @Test(arguments: families)
    func `halves are the floats, rounded once`(family: String) throws {
        let (file, folder) = (try Self.open("\(family)/model-F16.gguf"), try Self.open(family))
        let config = folder.config
        for name in folder.tensorNames where !name.contains(".experts.") {
            let (stored, exact) = (try file.tensor(name), try folder.tensor(name))
            var expected = try exact.floats()
            // The file's rows are permuted: half by half in safetensors, pair by pair in GGUF.
            if family == "llama", name.hasSuffix("q_proj.weight") {
                expected = Self.paired(expected, heads: config.numAttentionHeads, columns: config.hiddenSize)
            } else if family == "llama", name.hasSuffix("k_proj.weight") {
                expected = Self.paired(expected, heads: config.numKeyValueHeads, columns: config.hiddenSize)
            }
            if stored.format == .f16 { expected = expected.map { Float(Float16($0)) } }
            #expect(try stored.floats() == expected, "\(name)")
        }
        guard config.numExperts > 0 else { return }
        for projection in ["gate_proj", "up_proj", "down_proj"] {
            let stored = try file.experts(layer: 1, projection: projection)
            let exact = try folder.experts(layer: 1, projection: projection)
            #expect(stored.map(\.shape) == exact.map(\.shape) && stored.count == config.numExperts)
            for (stored, exact) in zip(stored, exact) {
                #expect(try stored.floats() == exact.floats().map { Float(Float16($0)) })
            }
        }
    }

    /// Moves row `i` of each head's first half to `2i`, and of the second half to `2i + 1`.
    static func paired(_ matrix: [Float], heads: Int, columns: Int) -> [Float] {
        let half = matrix.count / columns / heads / 2
        var result: [Float] = []
        for head in 0..<heads {
            for row in 0..<half {
                for part in 0..<2 {
                    let start = ((head * 2 + part) * half + row) * columns
                    result += matrix[start..<(start + columns)]
                }
            }
        }
        return result
    }

    @Test(arguments: quantised)
    func `every tensor's values are finite`(path: String) throws {
        let file = try Self.open(path)
        for name in file.tensorNames {
            let tensor = try file.tensor(name)
            let values = try tensor.floats()
            #expect(values.count == tensor.elementCount && values.allSatisfy(\.isFinite), "\(name)")
        }
    }

    @Test func `templates come from a file, a string or a list`() throws {
        let settings: [(config: String, file: String?, expected: String?)] = [
            ("{\"chat_template\": \"one\"}", nil, "one"), ("{\"chat_template\": \"one\"}", "two", "two"),
            (
                "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"a\"}, "
                    + "{\"name\": \"default\", \"template\": \"b\"}]}",
                nil, "b"
            ),
            ("{\"eos_token\": {\"content\": \"<|im_end|>\", \"special\": true}, \"bos_token\": null}", nil, nil),
        ]
        let source = TestFiles.golden.appending(path: "lm/qwen3")
        for (config, file, expected) in settings {
            try TestFiles.withFolder { folder in
                for name in ["config.json", "model.safetensors"] {
                    try FileManager.default.createSymbolicLink(
                        at: folder.appending(path: name), withDestinationURL: source.appending(path: name))
                }
                try TestFiles.write(config, "tokenizer_config.json", in: folder)
                if let file { try TestFiles.write(file, "chat_template.jinja", in: folder) }
                let checkpoint = try Checkpoint(path: folder.path(percentEncoded: false))
                #expect(checkpoint.chatTemplate == expected && checkpoint.tokenizer == nil)
                if expected == nil { #expect(checkpoint.specialTokens == ["eos_token": "<|im_end|>"]) }
            }
        }
    }
}
