import Foundation

/// The disk as the store uses it: every call checked, so that a failure says what failed, on what, and what helps.
package struct Disk: Sendable {
    /// What is done, in the words of an error.
    package enum Operation: String, Sendable {
        case createFolder = "create the folder"
        case list, open, read, write, delete, lock, link
        case look = "look at"
        case measureSpace = "measure the free space at"
        case cut = "cut"
        case setMode = "change the permissions of"
        case synchronise = "write through to the disk"
        case publish
    }

    /// Asked before each call: the number of an error that the call shall end with instead of being made. Tests play
    /// full disks and killed processes here.
    package typealias Interruption = @Sendable (_ operation: Operation, _ path: String) -> Int32?

    private let interruption: Interruption

    /// The machine's disk.
    package init(interruption: @escaping Interruption = { _, _ in nil }) { self.interruption = interruption }

    /// Makes a call, again if a signal came between.
    private func perform<Result: SignedInteger>(
        _ operation: Operation, _ path: String, _ call: () -> Result
    ) throws(StoreError) -> Result {
        if let code = interruption(operation, path) { throw StoreError(operation, path, code: code) }
        while true {
            let result = call()
            if result >= 0 { return result }
            let code = errno
            guard code == EINTR else { throw StoreError(operation, path, code: code) }
        }
    }
}

/// A file that is open; closed when it goes, as the system does for a process that ends.
struct OpenFile: ~Copyable {
    let descriptor: Int32
    let path: String

    deinit { close(descriptor) }
}

/// Size, time of the last change and inode of a file.
struct FileStamp: Equatable {
    let numbers: [Int]

    init(_ status: stat) {
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        numbers = [
            Int(status.st_size), Int(time.tv_sec), Int(time.tv_nsec), Int(truncatingIfNeeded: status.st_ino),
        ]
    }

    init(numbers: [Int]) { self.numbers = numbers }

    /// The size.
    var bytes: Int { numbers.first ?? 0 }
    /// Which file of its disk it is.
    var inode: Int { numbers.last ?? 0 }
}

extension Disk {
    /// Opens a file; `flags` as for open(2). What is created belongs to its owner alone.
    func openFile(_ path: String, _ flags: Int32) throws(StoreError) -> OpenFile {
        OpenFile(descriptor: try perform(.open, path) { open(path, flags | O_CLOEXEC, 0o600) }, path: path)
    }

    /// At most `bytes` bytes from `offset` on; none at the end.
    func readBytes(_ file: borrowing OpenFile, at offset: Int, upTo bytes: Int) throws(StoreError) -> [UInt8] {
        let descriptor = file.descriptor
        var piece = [UInt8](repeating: 0, count: bytes)
        let count = try perform(.read, file.path) {
            piece.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, bytes, off_t(offset)) }
        }
        piece.removeLast(bytes - count)
        return piece
    }

    /// Writes all of `bytes` at `offset`.
    func write(_ bytes: [UInt8], to file: borrowing OpenFile, at offset: Int) throws(StoreError) {
        let descriptor = file.descriptor
        var done = 0
        while done < bytes.count {
            done += try perform(.write, file.path) {
                bytes.withUnsafeBytes { bytes in
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                    return pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
                }
            }
        }
    }

    /// Drops what lies behind the first `bytes` bytes.
    func cut(_ file: borrowing OpenFile, to bytes: Int) throws(StoreError) {
        let descriptor = file.descriptor
        _ = try perform(.cut, file.path) { ftruncate(descriptor, off_t(bytes)) }
    }

    /// Says who may read and write a file.
    func setMode(_ file: borrowing OpenFile, _ mode: mode_t) throws(StoreError) {
        let descriptor = file.descriptor
        _ = try perform(.setMode, file.path) { fchmod(descriptor, mode) }
    }

    /// Waits until the disk has all of a file, or of a folder's names.
    func synchronise(_ file: borrowing OpenFile) throws(StoreError) {
        let descriptor = file.descriptor
        // Some file systems know no such thing for folders, and say so with EINVAL.
        _ = try perform(.synchronise, file.path) { fsync(descriptor) == 0 || errno == EINVAL ? 0 : -1 }
    }

    /// Tries to be the only one that holds the lock of a file.
    /// - Returns: whether no other process holds it; the system frees it when a process ends, however it ends.
    func lock(_ file: borrowing OpenFile) throws(StoreError) -> Bool {
        let descriptor = file.descriptor
        return try perform(.lock, file.path) {
            flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 1 : errno == EWOULDBLOCK ? 0 : -1
        } == 1
    }

    /// Whether the path that `file` was opened by still leads to it.
    func isInPlace(_ file: borrowing OpenFile) throws(StoreError) -> Bool {
        let (descriptor, path) = (file.descriptor, file.path)
        return try perform(.look, path) {
            var (opened, named) = (stat(), stat())
            guard fstat(descriptor, &opened) == 0 else { return -1 }
            guard stat(path, &named) == 0 else { return errno == ENOENT ? 0 : -1 }
            return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino ? 1 : 0
        } == 1
    }
}

extension Disk {
    /// Makes a folder, and those above it; it may be there already.
    func createFolder(_ path: String) throws(StoreError) {
        _ = try perform(.createFolder, path) { Self.makeFolder(path) }
    }

    private static func makeFolder(_ path: String) -> Int32 {
        if mkdir(path, 0o777) == 0 { return 0 }
        if errno == EEXIST {
            var status = stat()
            guard stat(path, &status) == 0 else { return -1 }
            if status.st_mode & S_IFMT == S_IFDIR { return 0 }
            errno = ENOTDIR
            return -1
        }
        let above = (path as NSString).deletingLastPathComponent
        guard errno == ENOENT, !above.isEmpty, above != path, makeFolder(above) == 0 else { return -1 }
        return mkdir(path, 0o777)
    }

    /// The names in a folder.
    func names(in folder: String) throws(StoreError) -> [String] {
        var names: [String] = []
        _ = try perform(.list, folder) {
            do {
                names = try FileManager.default.contentsOfDirectory(atPath: folder)
                return 0
            } catch {
                errno = Int32(((error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError)?.code ?? Int(EIO))
                return -1
            }
        }
        return names
    }

    /// The size of a plain file, links followed; `nil` if there is none of that name.
    func size(of path: String) throws(StoreError) -> Int? {
        var size: Int?
        _ = try perform(.look, path) {
            var status = stat()
            guard stat(path, &status) == 0 else { return errno == ENOENT ? 0 : -1 }
            if status.st_mode & S_IFMT == S_IFREG { size = Int(status.st_size) }
            return 0
        }
        return size
    }

    /// What tells whether a plain file is still the one that was hashed; `nil` if there is none of that name.
    func stamp(of path: String) throws(StoreError) -> FileStamp? {
        var stamp: FileStamp?
        _ = try perform(.look, path) {
            var status = stat()
            guard lstat(path, &status) == 0 else { return errno == ENOENT ? 0 : -1 }
            if status.st_mode & S_IFMT == S_IFREG { stamp = FileStamp(status) }
            return 0
        }
        return stamp
    }

    /// Writes a small file whole: under its name stands either what was there or all of `bytes`.
    func replace(_ path: String, with bytes: [UInt8]) throws(StoreError) {
        let growing = "\(path).\(getpid())"
        let file = try openFile(growing, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW)
        try write(bytes, to: file, at: 0)
        try publish(growing, as: path)
    }

    /// Checks that `bytes` more fit, and some for everything else.
    /// - Throws: ``StoreError/noSpace(needed:free:)`` with both figures.
    func requireSpace(_ bytes: Int, at folder: String) throws(StoreError) {
        let reserve = 64 << 20
        var status = statvfs()
        _ = try perform(.measureSpace, folder) { statvfs(folder, &status) }
        let (free, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        guard overflow || bytes <= free - reserve else { throw .noSpace(needed: bytes + reserve, free: free) }
    }

    /// Gives a file or folder its final name, at one stroke.
    func publish(_ path: String, as final: String) throws(StoreError) {
        _ = try perform(.publish, final) { rename(path, final) }
    }

    /// Gives a file a second name; there may be none of that name yet.
    func link(_ path: String, as second: String) throws(StoreError) {
        #if canImport(Darwin)
            _ = try perform(.link, second) { Darwin.link(path, second) }
        #else
            _ = try perform(.link, second) { Glibc.link(path, second) }
        #endif
    }

    /// Waits until the disk has a folder's names.
    func synchroniseFolder(_ path: String) throws(StoreError) {
        try synchronise(openFile(path, O_RDONLY | O_DIRECTORY))
    }

    /// Deletes a file or an empty folder.
    func delete(_ path: String) throws(StoreError) {
        _ = try perform(.delete, path) { remove(path) }
    }
}
