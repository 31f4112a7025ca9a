import Foundation

/// Held by the one process that is the node of a home; the system frees it when the process ends, however it ends.
public final class HomeLock: Sendable {
    private let descriptor: Int32

    /// Becomes the node of `home`.
    /// - Throws: ``MeshError/heldBy(_:)`` if another process is it; ``MeshError/storage(reason:)``.
    public init(home: String) throws(MeshError) {
        do { try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true) } catch {
            throw .storage(reason: "the home folder can't be made")
        }
        let descriptor = open("\(home)/node.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .storage(reason: "'node.lock' can't be opened (error \(errno))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isHeld = errno == EWOULDBLOCK
            close(descriptor)
            guard isHeld else { throw .storage(reason: "'node.lock' can't be locked") }
            let text = (try? String(contentsOfFile: "\(home)/node.lock", encoding: .utf8)) ?? ""
            throw .heldBy(Int(text))
        }
        // Who finds it locked reads here whom to ask.
        let text = Array("\(getpid())".utf8)
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, text, text.count, 0) == text.count else {
            close(descriptor)
            throw .storage(reason: "'node.lock' can't be written")
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
