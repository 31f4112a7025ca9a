import Checkpoints
import Foundation
import OrderedJSON
import TestSupport
import Testing

/// Damaged files must be refused or read, never trap: a trap ends the server.
@Suite struct CheckpointFuzzTests {
    /// Opens `bytes` and reads all that was accepted.
    static func exercise(gguf bytes: [UInt8]) {
        guard let checkpoint = try? Checkpoint(ggufBytes: bytes, name: "fuzz.gguf") else { return }
        for name in checkpoint.tensorNames { _ = try? checkpoint.optionalTensor(name)?.floats() }
        for projection in ["gate_proj", "up_proj", "down_proj"] {
            _ = try? checkpoint.experts(layer: 0, projection: projection)
        }
    }

    static let models = [TinyModels.llama(), TinyModels.mixture()]

    @Test(arguments: [0, 1])
    func `every prefix of a model is refused`(model: Int) {
        let bytes = Self.models[model].bytes()
        for count in 0..<bytes.count {
            #expect(throws: CheckpointError.self) {
                try Checkpoint(ggufBytes: Array(bytes[..<count]), name: "fuzz.gguf")
            }
        }
    }

    @Test(arguments: [0, 1])
    func `extreme numbers anywhere in a header do no harm`(model: Int) {
        let bytes = Self.models[model].bytes()
        let extremes: [[UInt8]] = [
            littleEndian(UInt64.max), littleEndian(UInt64(1) << 63), littleEndian(UInt64(1) << 62),
            littleEndian(UInt64(1) << 32), littleEndian(UInt64(0)), littleEndian(UInt32.max),
            littleEndian(UInt32(1) << 31), littleEndian(UInt32(0)), [0xFF], [0x80],
        ]
        for offset in 0..<Self.models[model].header().count {
            for extreme in extremes where offset + extreme.count <= bytes.count {
                var damaged = bytes
                damaged.replaceSubrange(offset..<(offset + extreme.count), with: extreme)
                Self.exercise(gguf: damaged)
            }
        }
    }

    @Test(arguments: [0, 1])
    func `bytes flipped at random do no harm`(model: Int) {
        var random = SeededGenerator(seed: testSeed("flipped GGUF \(model)"))
        let bytes = Self.models[model].bytes()
        let header = Self.models[model].header().count
        for _ in 0..<20_000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                damaged[Int.random(in: 0..<header, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            Self.exercise(gguf: damaged)
        }
    }

    @Test func `bytes flipped in a real header do no harm`() throws {
        var random = SeededGenerator(seed: testSeed("flipped golden GGUF"))
        let url = TestFiles.golden.appending(path: "lm/llama/model-IQ4_XS.gguf")
        let bytes = try TestFiles.bytes(url)
        for _ in 0..<300 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                damaged[Int.random(in: 0..<12_000, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            guard let file = try? GGUFFile(bytes: damaged, name: "fuzz.gguf") else { continue }
            for (key, _) in file.metadata.entries {
                if let array = try? file.metadata.array(key) {
                    _ = try? array.strings()
                    _ = try? array.integers(storedAs: .int32, .uint64, .int64)
                }
            }
        }
    }

    @Test func `configurations with numbers of any kind do no harm`() throws {
        var random = SeededGenerator(seed: testSeed("mixed configuration"))
        let numbers: [JSONValue] = [
            0, 1, 2, 3, -1, 8, 1.5, 1e300, -1e300, .integer(.max), .integer(.min), .integer(1 << 31), .integer(1 << 32),
            nil, true, "8", [], [1], [:], ["rope_type": "yarn", "factor": 1e300],
        ]
        var object = try #require(try JSONValue(parsing: TinyModels.mixtureConfig).object)
        for key in ["rope_scaling", "mlp_only_layers", "decoder_sparse_step", "eos_token_id", "sliding_window"] {
            object[key] = .null
        }
        let keys = object.keys.filter { $0 != "model_type" }
        for _ in 0..<20_000 {
            var damaged = object
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let key = keys.randomElement(using: &random) ?? ""
                damaged[key] = numbers.randomElement(using: &random)
            }
            guard let config = try? ModelConfig(huggingFace: damaged) else { continue }
            for layer in [0, config.numHiddenLayers - 1] { _ = config.isSparse(layer: layer) }
        }
    }

    @Test func `safetensors cut, flipped or with extreme numbers do no harm`() {
        var random = SeededGenerator(seed: testSeed("flipped safetensors"))
        let bytes = SafetensorsBuilder.floats([("a", [2, 3]), ("b", []), ("c", [0, 4])])
        for count in 0..<bytes.count {
            #expect(throws: CheckpointError.self) {
                try SafetensorsFile(bytes: Array(bytes[..<count]), name: "fuzz.safetensors")
            }
        }
        let alphabet = Array("0123456789-.eE+{}[]\",:\\ntfu \u{0}".utf8)
        for round in 0..<30_000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<(bytes.count - 28), using: &random)
                // Half of the time what JSON is made of, to come further than the first brace.
                damaged[place] =
                    round % 2 == 0 && place >= 8
                    ? alphabet.randomElement(using: &random) ?? 0 : UInt8.random(in: 0...255, using: &random)
            }
            _ = try? SafetensorsFile(bytes: damaged, name: "fuzz.safetensors")
        }
    }
}
