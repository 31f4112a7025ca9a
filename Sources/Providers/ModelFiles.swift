public import Checkpoints
import Foundation

/// Where the files of a model are.
public enum ModelFiles: Sendable {
    /// Fetches a model when it is first asked for.
    /// - Parameters:
    ///   - progress: told how much of it is here, and how much there is in all.
    ///   - opened: told where it grows and what waits for its bytes, once it can be read from the front; may be left out.
    /// - Returns: where it lies, and whether that is what was shown: bytes that only somebody else promised may have been wrong.
    public typealias Fetch =
        @Sendable (
            _ progress: @escaping @Sendable (_ bytes: Int, _ totalBytes: Int) -> Void,
            _ opened: @escaping @Sendable (_ path: String, _ arrival: @escaping Arrival) -> Void
        ) async throws -> (path: String, isAsShown: Bool)

    /// On this machine.
    case here(path: String)
    /// On others.
    case coming(Fetch)
}

/// A thread of its own for work that takes seconds and blocks.
enum LoadThread {
    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result { try work() }) }
            thread.name = "hybrie-load"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }
}
