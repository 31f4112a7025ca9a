import Dispatch

/// Work that blocks, such as hashing and waiting for the disk, done away from the threads that tasks share.
enum OffPool {
    private static let queue = DispatchQueue(label: "hybrie.mesh.disk", attributes: .concurrent)

    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try work() }) }
        }
    }
}
