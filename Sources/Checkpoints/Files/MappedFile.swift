#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A regular file mapped for reading; unmapped when the last holder lets go.
///
/// Weights are used where they lie in the page cache: nothing is copied, several processes share them.
/// `@unchecked Sendable`: all stored properties are constants, and the memory is never written.
@safe public final class MappedFile: @unchecked Sendable {
    /// The last component of the path, for messages.
    public let name: String
    /// Bytes in the file when it was opened.
    public let size: Int

    private let base: UnsafeRawPointer
    /// Path and identity; `nil` for bytes that never were a file.
    private let origin: (path: String, identity: FileIdentity)?

    /// Opens and maps the file at `path`; links are followed, since download caches are made of them.
    /// - Throws: ``CheckpointError`` of kind `unreadable`, at once, also for a pipe, a device or a folder.
    public init(path: String) throws(CheckpointError) {
        let name = Self.name(ofPath: path)
        // A path with a NUL would be cut short and name another file.
        guard !path.utf8.contains(0) else { throw Self.unreadable(name, found: "a NUL in the path") }
        // Looked at before it is opened: to open a device or a pipe can have effects of its own.
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw Self.unreadable(name, errorNumber: errno) }
        try Self.checkIsRegular(status, name)
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.unreadable(name, errorNumber: errno) }
        defer { close(descriptor) }
        guard unsafe fstat(descriptor, &status) == 0 else { throw Self.unreadable(name, errorNumber: errno) }
        try Self.checkIsRegular(status, name)
        guard let size = Int(exactly: status.st_size), size > 0 else { throw Self.unreadable(name, found: "no bytes") }
        let mapping = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else {
            throw Self.unreadable(name, errorNumber: errno)
        }
        self.name = name
        self.size = size
        unsafe base = UnsafeRawPointer(mapping)
        origin = (path, FileIdentity(status))
    }

    /// A file that exists only in memory, for tests and fuzzers.
    package init(name: String, copying bytes: [UInt8]) {
        self.name = name
        size = bytes.count
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 64)
        unsafe copy.copyBytes(from: bytes)
        // Never nil: the buffer has at least one byte.
        unsafe base = UnsafeRawPointer(copy.baseAddress.unsafelyUnwrapped)
        origin = nil
    }

    deinit {
        if origin == nil {
            unsafe base.deallocate()
        } else {
            unsafe munmap(UnsafeMutableRawPointer(mutating: base), size)
        }
    }

    /// Calls `body` with the whole file; the pointer must not leave it.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(UnsafeRawBufferPointer(start: base, count: size))
    }

    /// Whether the path still names the same file with the same size and time of change.
    ///
    /// A file cut while mapped ends the process at the next access beyond its new end: check before long use.
    public func isUnchanged() -> Bool {
        guard let origin else { return true }
        var status = stat()
        return unsafe stat(origin.path, &status) == 0 && FileIdentity(status) == origin.identity
    }

    /// Tells the system that the bytes in `range` will be read soon, or not again for long. Only a hint.
    public func advise(_ range: Range<Int>, soon: Bool) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let range = range.clamped(to: 0..<size)
        // Pages shared with neighbours may be fetched early, but must not be dropped under them.
        let start = soon ? range.lowerBound / page * page : (range.lowerBound + page - 1) / page * page
        let end = soon ? range.upperBound : range.upperBound / page * page
        guard origin != nil, page > 0, start < end else { return }
        let address = unsafe UnsafeMutableRawPointer(mutating: base + start)
        _ = unsafe madvise(address, end - start, soon ? MADV_WILLNEED : MADV_DONTNEED)
    }
}

extension MappedFile {
    /// What tells one version of a file from another.
    struct FileIdentity: Equatable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let modifiedSeconds: Int
        let modifiedNanoseconds: Int

        init(_ status: stat) {
            device = UInt64(truncatingIfNeeded: status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            let modified = status.modificationTime
            (modifiedSeconds, modifiedNanoseconds) = (modified.tv_sec, modified.tv_nsec)
        }
    }

    static func name(ofPath path: String) -> String {
        path.utf8.split(separator: UInt8(ascii: "/")).last.map { String($0) ?? "" } ?? "/"
    }

    private static func checkIsRegular(_ status: stat, _ name: String) throws(CheckpointError) {
        let kind = status.st_mode & S_IFMT
        guard kind != S_IFREG else { return }
        throw unreadable(name, found: kind == S_IFDIR ? "a folder" : "a pipe, socket or device")
    }

    private static func unreadable(_ name: String, errorNumber: Int32) -> CheckpointError {
        switch errorNumber {
        case ENOENT, ENOTDIR: unreadable(name, found: "no such file")
        case EACCES, EPERM: unreadable(name, found: "no permission to read it")
        case EMFILE, ENFILE: unreadable(name, found: "that too many files are open")
        default: unreadable(name, found: "system error \(errorNumber)")
        }
    }

    private static func unreadable(_ name: String, found: String) -> CheckpointError {
        CheckpointError(.unreadable, file: name, expected: "a regular file that isn't empty", found: found)
    }
}

#if canImport(Darwin)
    extension stat {
        fileprivate var modificationTime: timespec { st_mtimespec }
    }
#else
    extension stat {
        fileprivate var modificationTime: timespec { st_mtim }
    }
#endif
