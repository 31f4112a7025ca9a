import Checkpoints
import LanguageModels
import Synchronization
import Tensors

/// A decoder that computes nothing: a rule says which token follows, by the last token and its position.
final class ScriptedDecoder: Decoder {
    let config: ModelConfig
    let device: any Device
    let weightBytes = 0
    private let next: @Sendable (_ token: Int32, _ position: Int) -> Int32
    private let seen = Mutex<[[Int]]>([])
    private let watcher = Mutex<(@Sendable (Batch) -> Void)?>(nil)

    init(next: @escaping @Sendable (_ token: Int32, _ position: Int) -> Int32) throws {
        guard let device = CPUDevice(threads: 1) else { throw TensorError.outOfMemory(bytes: 0) }
        self.device = device
        self.next = next
        config = try Checkpoint(path: TestModel.qwen3Path).config
    }

    /// Rows of each sequence of each step so far.
    var steps: [[Int]] { seen.withLock { $0 } }

    /// Has `watcher` called at the beginning of each step, on the engine's thread.
    func watch(_ watcher: @escaping @Sendable (Batch) -> Void) { self.watcher.withLock { $0 = watcher } }

    func hiddenStates(of batch: Batch, rows: [Int], cache: any KeyValueCache) -> Tensor {
        seen.withLock { $0.append(batch.parts.map(\.count)) }
        watcher.withLock { $0 }?(batch)
        let following = zip(batch.tokens, batch.positions).map { Float(next($0, $1)) }
        return device.tensor(rows.map { following[$0] }, shape: [rows.count, 1])
    }

    func allStates(of batch: Batch, cache: any KeyValueCache) -> [Tensor] { [] }

    func logits(_ hidden: Tensor) -> Tensor {
        var scores = [Float](repeating: 0, count: hidden.rows * config.vocabSize)
        for (row, token) in hidden.floats.enumerated() { scores[row * config.vocabSize + Int(token)] = 100 }
        return device.tensor(scores, shape: [hidden.rows, config.vocabSize])
    }
}
