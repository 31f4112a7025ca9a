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

/// Memory of this process.
public enum ProcessMemory {
    /// Gives what was freed back to the system, where the allocator would keep it for as long as the process runs.
    public static func returnFreed() { hk_return_memory() }
}

/// What the machine can do at best, measured: the limits that speeds are held against.
public enum MachineLimits {
    /// Bytes per second that `device`'s threads read together from memory far larger than any cache.
    /// - Throws: ``TensorError/outOfMemory(bytes:)``.
    public static func readRate(on device: CPUDevice, bytes: Int = 1 << 30) throws(TensorError) -> Double {
        let memory = try PackedMemory(bytes: bytes)
        unsafe memory.base.initializeMemory(as: UInt8.self, repeating: 1, count: bytes)
        let pieces = device.threads * 16
        let part = bytes / pieces / 64 * 64
        let seconds = shortest {
            device.team.share(pieces, piece: 1) { range, _ in
                for piece in range {
                    _ = unsafe hk_read((memory.base + piece * part).assumingMemoryBound(to: UInt8.self), part)
                }
            }
        }
        return Double(part * pieces) / seconds
    }

    /// 8-bit operations (a product and a sum are two) per second that `device`'s threads do together.
    public static func operationRate(on device: CPUDevice) -> Double {
        let rounds = 1 << 20, pieces = device.threads * 8
        let codes = [UInt8](repeating: 3, count: 64 * Int(HK_PEAK_LINES))
        let seconds = shortest {
            device.team.share(pieces, piece: 1) { range, _ in
                for _ in range { _ = unsafe device.kernels.pointee.multiply(codes, 0x0503_0205, rounds) }
            }
        }
        return 2 * 64 * Double(HK_PEAK_LINES) * Double(rounds * pieces) / seconds
    }

    private static func shortest(of runs: Int = 3, _ body: () -> Void) -> Double {
        (0..<runs).map { _ in
            let start = ContinuousClock.now
            body()
            return max(1e-9, start.duration(to: .now).seconds)
        }.min() ?? .infinity
    }
}
