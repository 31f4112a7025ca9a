import Synchronization

/// Keeps the memory of finished tensors for the next ones: a forward pass asks for the same few sizes in every layer.
final class FloatPool: Sendable {
    /// Memory that waits for its next use; handed over, never shared, hence `@unchecked Sendable`.
    @safe private struct Block: @unchecked Sendable {
        let base: UnsafeMutablePointer<Float>
    }
    private struct Free {
        var blocks: [Int: [Block]] = [:]
        var bytes = 0
    }
    private let free = Mutex(Free())
    /// Memory that may lie idle; what is freed beyond it goes back to the system.
    private static let idleBytes = 256 << 20

    /// Storage for at least `count` floats, 64-byte aligned, content undefined.
    func storage(count: Int) -> FloatStorage {
        let capacity = Self.roundedCapacity(count)
        let kept = free.withLock { free in
            let block = free.blocks[capacity]?.popLast()
            if block != nil { free.bytes -= capacity * 4 }
            return block
        }
        if let kept { return unsafe FloatStorage(base: kept.base, capacity: capacity, pool: self) }
        let base = UnsafeMutableRawPointer.allocate(byteCount: capacity * 4, alignment: 64)
        return unsafe FloatStorage(
            base: base.bindMemory(to: Float.self, capacity: capacity), capacity: capacity, pool: self)
    }

    /// Sizes in steps of an eighth of a power of two, so that little is wasted and few sizes occur.
    private static func roundedCapacity(_ count: Int) -> Int {
        guard count > 256 else { return 256 }
        let step = 1 << max(4, Int.bitWidth - (count - 1).leadingZeroBitCount - 4)
        return (count + step - 1) / step * step
    }

    func putBack(_ base: UnsafeMutablePointer<Float>, capacity: Int) {
        let block = unsafe Block(base: base)
        let isKept = free.withLock { free in
            guard free.bytes + capacity * 4 <= Self.idleBytes else { return false }
            free.blocks[capacity, default: []].append(block)
            free.bytes += capacity * 4
            return true
        }
        if !isKept { unsafe UnsafeMutableRawPointer(base).deallocate() }
    }

    deinit {
        let all = free.withLock { $0.blocks.values.flatMap { $0 } }
        for block in all { unsafe UnsafeMutableRawPointer(block.base).deallocate() }
    }
}
