import Foundation
import Synchronization

/// Use of the front of a model while the rest still comes.
extension IncomingModel {
    /// Where its files grow: the folder, or the file of a model that is one.
    public var path: String { manifest.kind == .file ? "\(staging.folder)/\(manifest.files[0].name)" : staging.folder }

    /// Blocks until bytes of a file are here and right.
    /// - Throws: ``StoreError`` once they won't come.
    public func wait(for bytes: Range<Int>, of file: String) throws(StoreError) {
        guard !bytes.isEmpty else { return }
        var first = 0
        for candidate in manifest.files {
            if candidate.name == file, bytes.lowerBound >= 0, bytes.upperBound <= candidate.bytes {
                let last = first + (bytes.upperBound - 1) / ModelManifest.chunkBytes
                let numbers = first + bytes.lowerBound / ModelManifest.chunkBytes...last
                guard readers.wait(until: { have.firstMissing(in: numbers) }) else { break }
                return
            }
            first += candidate.chunks.count
        }
        throw .failed(operation: "read", name: file, reason: "its bytes don't come any more; pull the model again")
    }

    /// The chunks that somebody waits for.
    package var awaited: Set<Int> { readers.awaited }

    /// Nothing more will come: who waits for bytes gets an error.
    package func giveUp() { readers.end() }
}

/// Threads that wait for chunks.
final class WaitingReaders: Sendable {
    private struct State {
        /// Chunks, and how many wait for each.
        var awaited: [Int: Int] = [:]
        var isOver = false
    }
    private let condition = NSCondition()
    private let state = Mutex(State())

    var awaited: Set<Int> { state.withLock { Set($0.awaited.keys) } }

    /// Blocks until `missing` names no chunk any more.
    /// - Returns: whether it came to that.
    func wait(until missing: () -> Int?) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while let chunk = missing() {
            guard !state.withLock({ $0.isOver }) else { return false }
            state.withLock { $0.awaited[chunk, default: 0] += 1 }
            condition.wait()
            state.withLock { state in
                let others = state.awaited[chunk, default: 1] - 1
                state.awaited[chunk] = others > 0 ? others : nil
            }
        }
        return true
    }

    /// Has all of them look again.
    func wake() {
        condition.lock()
        condition.broadcast()
        condition.unlock()
    }

    func end() {
        state.withLock { $0.isOver = true }
        wake()
    }
}
