#if canImport(Darwin)
    import Darwin
    private let descriptors = RLIMIT_NOFILE
#else
    import Glibc
    private let descriptors = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
#endif

/// How many files and connections this process may have open.
enum OpenFiles {
    /// Descriptors kept for models, downloads, logs and the runtime itself.
    private static let reserve = 128

    /// Raises the limit to the highest that the system permits without further rights.
    /// - Returns: the connections that may be open at once, so that some descriptors are always left.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(descriptors, &limit) == 0 else { return 1024 - reserve }
        // The hard limit may be "none", which the system takes for the soft one only up to a number of its own.
        for wish in [limit.rlim_max, 1 << 20, 10_240] where wish > limit.rlim_cur && wish <= limit.rlim_max {
            var raised = rlimit(rlim_cur: wish, rlim_max: limit.rlim_max)
            if setrlimit(descriptors, &raised) == 0 {
                limit = raised
                break
            }
        }
        let open = Int(clamping: limit.rlim_cur)
        return max(open / 2, open - reserve)
    }
}
