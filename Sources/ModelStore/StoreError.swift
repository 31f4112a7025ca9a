import Foundation

/// What goes wrong with the store.
public enum StoreError: Error, CustomStringConvertible, Sendable, Equatable {
    /// A name that can't be used for a model.
    case badName(String, reason: String)
    /// A model of that name, or one that some file systems would take for it, is here already.
    case exists(String)
    /// There is no model of that name.
    case unknown(String)
    /// A file or folder can't be read.
    case unreadable(String)
    /// Not enough room on the disk.
    case noSpace(needed: Int, free: Int)
    /// Another process brings in a model of that name; its id, if it has said so.
    case busy(String, holder: Int?)
    /// An operation that the system refused, why, and what helps.
    case failed(operation: String, name: String, reason: String)

    /// What was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .badName(let name, let reason): "the model name '\(name)' \(reason); choose another with --name"
        case .exists(let name): "the store already holds '\(name)'; remove it first, or choose another name with --name"
        case .unknown(let name): "the store holds no '\(name)'; 'hybrie models list' shows what there is"
        case .unreadable(let name): "'\(name)' can't be read; check that it exists and may be read"
        case .noSpace(let needed, let free):
            "\(needed >> 20) MiB are needed but \(free >> 20) MiB are free on the disk; remove models with 'hybrie models rm'"
        case .busy(let name, let holder):
            "\(holder.map { "process \($0)" } ?? "another process") is bringing in '\(name)' already; wait for it, or end it"
        case .failed(let operation, let name, let reason): "can't \(operation) '\(name)': \(reason)"
        }
    }
}

extension StoreError {
    /// A call on `path` that ended with the error number `code`.
    init(_ operation: Disk.Operation, _ path: String, code: Int32) {
        self = .failed(
            operation: operation.rawValue, name: (path as NSString).lastPathComponent, reason: Self.reason(code))
    }

    private static func reason(_ code: Int32) -> String {
        switch code {
        case ENOSPC, EDQUOT: "the disk is full; make room ('hybrie models rm' removes models), then try again"
        case EROFS: "the file system is read-only; mount it writable, or set HYBRIE_HOME to another place"
        case EIO: "the disk reports an input/output error; check the disk, or set HYBRIE_HOME to another one"
        case EMFILE, ENFILE: "too many files are open; raise the limit (ulimit -n), then try again"
        case EACCES, EPERM: "it isn't permitted; give this user the right, or set HYBRIE_HOME to another place"
        case ELOOP: "it is a link, and isn't followed; delete it, then try again"
        default: "\(String(cString: strerror(code))) (error \(code)); check HYBRIE_HOME, then try again"
        }
    }
}
