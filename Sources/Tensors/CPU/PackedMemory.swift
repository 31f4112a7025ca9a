import Foundation

/// A large block of memory straight from the system; zero at first, and taken only where it is written to.
///
/// `@unchecked Sendable`: written while a weight is packed or, in a cache, by the one thread that runs the model.
@safe final class PackedMemory: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let bytes: Int

    /// - Parameter isFilled: it is all written to at once, so that huge pages waste nothing.
    init(bytes: Int, isFilled: Bool = true) throws(TensorError) {
        let size = max(bytes, 1)
        let mapped = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | Self.anonymous, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else { throw .outOfMemory(bytes: bytes) }
        #if os(Linux)
            // Fewer misses of the address translation; a refusal costs speed only.
            if isFilled, size >= 2 << 20 { _ = unsafe madvise(mapped, size, Int32(MADV_HUGEPAGE)) }
        #endif
        unsafe base = mapped
        self.bytes = size
    }

    private static var anonymous: Int32 {
        #if os(Linux)
            Int32(MAP_ANONYMOUS) | Int32(MAP_NORESERVE)
        #else
            MAP_ANON
        #endif
    }

    deinit { unsafe _ = munmap(base, bytes) }
}
