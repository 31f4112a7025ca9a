import Generation

/// Several generations of one request, read side by side.
enum Choices {
    /// Reads every stream through `follow` and calls `body` with what it emits, as it comes; returns when all have ended.
    ///
    /// Throwing out of `body`, or cancelling, stops the sequences.
    static func run<Event: Sendable>(
        _ streams: [AsyncStream<GenerationEvent>],
        follow:
            @escaping @Sendable (AsyncStream<GenerationEvent>, _ choice: Int, _ emit: @Sendable (Event) -> Void) async
            -> Void,
        _ body: (Event) async throws -> Void
    ) async throws {
        let (events, continuation) = AsyncStream<Event>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await withTaskGroup(of: Void.self) { choices in
                    for (choice, stream) in streams.enumerated() {
                        choices.addTask { await follow(stream, choice) { continuation.yield($0) } }
                    }
                }
                continuation.finish()
            }
            do {
                for await event in events { try await body(event) }
            } catch {
                group.cancelAll()
                throw error
            }
            try Task.checkCancellation()
        }
    }
}
