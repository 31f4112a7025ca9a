import CKernels
import Foundation

/// Cores that this process may use: those that affinity permits, fewer where a control group allots less time.
public enum UsableCores {
    /// At least 1.
    public static var count: Int {
        var cores = Int(hk_usable_cores())
        if let text = try? String(contentsOfFile: "/sys/fs/cgroup/cpu.max", encoding: .utf8) {
            let parts = text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
            if parts.count == 2, parts[1] > 0 { cores = min(cores, max(1, parts[0] / parts[1])) }
        }
        return max(1, cores)
    }
}

/// What the memory delivers, measured.
public enum MemoryBandwidth {
    /// Bytes per second that `device`'s threads read together from memory far larger than any cache.
    /// - Throws: ``TensorError/outOfMemory(bytes:)``.
    public static func measure(on device: CPUDevice, bytes: Int = 1 << 30) throws(TensorError) -> Double {
        let memory = try PackedMemory(bytes: bytes)
        unsafe memory.base.initializeMemory(as: UInt8.self, repeating: 1, count: bytes)
        let part = bytes / (device.threads * 16) / 64 * 64
        var best = Duration.seconds(3600)
        for _ in 0..<3 {
            let start = ContinuousClock.now
            let pieces = device.threads * 16
            device.team.share(pieces, piece: 1) { range, _ in
                for piece in range {
                    _ = unsafe hk_read((memory.base + piece * part).assumingMemoryBound(to: UInt8.self), part)
                }
            }
            best = min(best, start.duration(to: .now))
        }
        let seconds = Double(best.components.seconds) + Double(best.components.attoseconds) * 1e-18
        return Double(part * device.threads * 16) / max(seconds, 1e-9)
    }
}
