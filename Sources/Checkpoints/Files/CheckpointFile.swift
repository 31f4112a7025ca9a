#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Waits until bytes of a file that is still on its way are here and right; blocks.
///
/// Takes the last component of the file's path and a range of its bytes; throws once they won't come any more.
public typealias Arrival = @Sendable (_ file: String, _ bytes: Range<Int>) throws(CheckpointError) -> Void

/// A regular file opened for reading; closed when the last holder lets go.
///
/// It is read, never mapped: bytes that another process cuts off are then a short read, which is an error that names the
/// file, and not a signal that ends this process.
public final class CheckpointFile: Sendable {
    /// Where the bytes come from.
    private enum Source {
        case file(descriptor: Int32, path: String, identity: FileIdentity)
        /// A file that others write to and rename meanwhile; has its full size from the start.
        case arriving(descriptor: Int32, Arrival)
        /// Bytes that never were a file.
        case memory([UInt8])
    }

    /// The last component of the path, for messages.
    public let name: String
    /// Bytes in the file when it was opened.
    public let size: Int

    private let source: Source

    /// Opens the file at `path`; links are followed, since download caches are made of them.
    /// - Parameter arrival: for a file that is still on its way: every read waits for its bytes.
    /// - Throws: ``CheckpointError`` of kind `unreadable`, at once, also for a pipe, a device or a folder.
    public init(path: String, arrival: Arrival? = nil) throws(CheckpointError) {
        let name = Self.name(ofPath: path)
        // A path with a NUL would be cut short and name another file.
        guard !path.utf8.contains(0) else { throw Self.unreadable(name, found: "a NUL in the path") }
        // Looked at before it is opened: to open a device or a pipe can have effects of its own.
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw Self.unreadable(name, errorNumber: errno) }
        try Self.checkIsRegular(status, name)
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.unreadable(name, errorNumber: errno) }
        do throws(CheckpointError) {
            guard unsafe fstat(descriptor, &status) == 0 else { throw Self.unreadable(name, errorNumber: errno) }
            try Self.checkIsRegular(status, name)
            guard status.st_size > 0 else { throw Self.unreadable(name, found: "no bytes") }
        } catch {
            close(descriptor)
            throw error
        }
        size = Int(status.st_size)
        self.name = name
        source =
            arrival.map { .arriving(descriptor: descriptor, $0) }
            ?? .file(descriptor: descriptor, path: path, identity: FileIdentity(status))
    }

    /// A file that exists only in memory, for tests and fuzzers.
    package init(name: String, copying bytes: [UInt8]) {
        self.name = name
        size = bytes.count
        source = .memory(bytes)
    }

    deinit {
        switch source {
        case .file(let descriptor, _, _), .arriving(let descriptor, _): close(descriptor)
        case .memory: break
        }
    }

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// After that the file is looked at again: bytes of a file that was written to or replaced meanwhile belong to no
    /// model.
    /// - Precondition: the bytes lie within ``size``; readers have checked it.
    /// - Throws: ``CheckpointError`` of kind `changed` if the file isn't the one that was opened any more, `unreadable`
    ///   if the system can't read it.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
        precondition(offset >= 0 && buffer.count <= size - offset, "a read beyond the file's end")
        switch source {
        case .memory(let bytes): unsafe buffer.copyBytes(from: bytes[offset..<(offset + buffer.count)])
        case .file(let descriptor, let path, let identity):
            Self.readAhead(descriptor, after: offset, count: buffer.count)
            unsafe try fill(buffer, from: descriptor, at: offset)
            var status = stat()
            guard unsafe stat(path, &status) == 0 else { throw changed(found: "no such file any more") }
            guard FileIdentity(status) == identity else {
                throw changed(found: "another one of \(status.st_size) bytes, or other contents")
            }
        case .arriving(let descriptor, _):
            try waitUntilHere(offset..<(offset + buffer.count))
            unsafe try fill(buffer, from: descriptor, at: offset)
        }
    }

    /// Blocks while bytes of a file that is on its way aren't here.
    func waitUntilHere(_ bytes: Range<Int>) throws(CheckpointError) {
        if case .arriving(_, let arrival) = source { try arrival(name, bytes) }
    }

    private func fill(_ buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int)
        throws(CheckpointError)
    {
        var done = 0
        while done < buffer.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = unsafe pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.unreadable(name, errorNumber: errno) }
            guard count > 0 else { throw changed(found: "its end at byte \(offset + done)") }
            done += count
        }
    }

    /// The bytes in `range`.
    /// - Precondition: `range` lies within ``size``.
    /// - Throws: ``CheckpointError`` of kind `changed` or `unreadable`.
    func bytes(in range: Range<Int>) throws(CheckpointError) -> [UInt8] {
        var fault: CheckpointError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, initialized in
            let bytes = unsafe UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
            do throws(CheckpointError) {
                unsafe try read(at: range.lowerBound, into: bytes)
                initialized = range.count
            } catch { fault = error }
        }
        if let fault { throw fault }
        return bytes
    }

    /// All bytes; for small files only.
    /// - Throws: ``CheckpointError`` of kind `changed` or `unreadable`.
    public func contents() throws(CheckpointError) -> [UInt8] { try bytes(in: 0..<size) }

    /// Bytes before those that are read, which the system is to fetch meanwhile: a disk gives its best to many requests.
    private static let ahead = 64 << 20

    private static func readAhead(_ descriptor: Int32, after offset: Int, count: Int) {
        #if os(Linux)
            // Small reads are headers. A refusal costs speed only.
            guard count >= 64 << 10 else { return }
            _ = posix_fadvise(descriptor, off_t(offset + ahead), off_t(count), POSIX_FADV_WILLNEED)
        #endif
    }

    private func changed(found: String) -> CheckpointError {
        CheckpointError(.changed, file: name, expected: "the file of \(size) bytes that was opened", found: found)
    }
}

extension CheckpointFile {
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
        case EIO: unreadable(name, found: "an input/output error of the disk")
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
