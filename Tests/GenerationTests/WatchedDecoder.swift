import Checkpoints
import Foundation
import LanguageModels
import Synchronization
import Tensors

/// A decoder that tells of each batch before it computes it, and can be held there as if it hung.
final class WatchedDecoder: Decoder {
    private struct State {
        var batches: [Batch] = []
        var isHeld = false
        /// Batches that may pass although it is held.
        var permits = 0
    }
    private let inner: any Decoder
    private let state = Mutex(State())
    private let released = NSCondition()

    init(_ inner: any Decoder, isHeld: Bool = false) {
        self.inner = inner
        state.withLock { $0.isHeld = isHeld }
    }

    /// The smallest Qwen 3 of the fixtures, watched.
    static func qwen3(isHeld: Bool = false) throws -> WatchedDecoder {
        guard let device = CPUDevice(threads: 2) else { throw TensorError.outOfMemory(bytes: 0) }
        return WatchedDecoder(
            try DecoderRegistry.load(Checkpoint(path: TestModel.qwen3Path), on: device), isHeld: isHeld)
    }

    var config: ModelConfig { inner.config }
    var device: any Device { inner.device }
    var weightBytes: Int { inner.weightBytes }
    /// All batches so far, the one that is held among them.
    var batches: [Batch] { state.withLock { $0.batches } }

    func hold() { state.withLock { $0.isHeld = true } }

    func release() {
        released.lock()
        state.withLock { $0.isHeld = false }
        released.broadcast()
        released.unlock()
    }

    /// Lets one batch pass and holds the next.
    func step() {
        released.lock()
        state.withLock { $0.permits += 1 }
        released.broadcast()
        released.unlock()
    }

    private func mayPass() -> Bool {
        state.withLock { state in
            guard state.isHeld else { return true }
            guard state.permits > 0 else { return false }
            state.permits -= 1
            return true
        }
    }

    func hiddenStates(of batch: Batch, rows: [Int], cache: any KeyValueCache) -> Tensor {
        state.withLock { $0.batches.append(batch) }
        released.lock()
        while !mayPass() { released.wait() }
        released.unlock()
        return inner.hiddenStates(of: batch, rows: rows, cache: cache)
    }

    func allStates(of batch: Batch, cache: any KeyValueCache) -> [Tensor] { inner.allStates(of: batch, cache: cache) }
    func logits(_ hidden: Tensor) -> Tensor { inner.logits(hidden) }
}

/// Waits until `isDone`; a minute guards against waiting for ever.
func eventually(_ isDone: @Sendable () -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while !isDone() {
        guard .now < end else { return false }
        try await Task.sleep(for: .milliseconds(2))
    }
    return true
}
