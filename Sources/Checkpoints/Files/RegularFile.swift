#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Questions about paths that open nothing.
enum RegularFile {
    /// Whether `path` names something that isn't a folder; opening it tells whether it may be read.
    static func exists(_ path: String) -> Bool { mode(path).map { $0 & S_IFMT != S_IFDIR } ?? false }

    /// Whether `path` names a folder.
    static func isFolder(_ path: String) -> Bool { mode(path).map { $0 & S_IFMT == S_IFDIR } ?? false }

    private static func mode(_ path: String) -> mode_t? {
        var status = stat()
        guard !path.utf8.contains(0), unsafe stat(path, &status) == 0 else { return nil }
        return status.st_mode
    }
}
