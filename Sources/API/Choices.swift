import AsyncAlgorithms
import Generation

/// Several generations of one request, read side by side.
enum Choices {
    /// Reads one choice's stream and emits what it comes to; waits while the one before hasn't been taken.
    typealias Follow<Event: Sendable> =
        @Sendable (
            AsyncStream<GenerationEvent>, _ choice: Int, _ emit: @escaping @Sendable (Event) async -> Void
        ) async throws -> Void

    /// Reads every stream through `follow` and calls `body` with what it emits, as it comes; returns when all have ended.
    ///
    /// Throwing out of `follow` or `body`, or cancelling, stops the sequences.
    static func run<Event: Sendable>(
        _ streams: [AsyncStream<GenerationEvent>], follow: @escaping Follow<Event>,
        _ body: (Event) async throws -> Void
    ) async throws {
        let events = AsyncChannel<Event>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                defer { events.finish() }
                try await withThrowingTaskGroup(of: Void.self) { choices in
                    for (choice, stream) in streams.enumerated() {
                        choices.addTask { try await follow(stream, choice) { await events.send($0) } }
                    }
                    try await choices.waitForAll()
                }
            }
            for await event in events { try await body(event) }
            try await group.waitForAll()
            try Task.checkCancellation()
        }
    }
}
