import AsyncAlgorithms
import HTTPTypes
import Hummingbird
import NIOCore
import OrderedJSON

/// Server-sent events (WHATWG HTML, section 9.2): what a streamed answer is written as.
enum EventStream {
    /// How long a stream may be silent before a comment shows that it lives.
    static let keepAlive = Duration.seconds(10)

    static let headers: HTTPFields = [
        .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache",
    ]

    /// Writes the answer's events, each once the client has taken those before it.
    typealias Produce = @Sendable (_ emit: @escaping @Sendable (JSONValue) async -> Void) async throws -> Void

    static func data(_ value: JSONValue) -> ByteBuffer {
        var buffer = ByteBuffer(string: "data: ")
        buffer.writeBytes(value.serializedBytes)
        buffer.writeStaticString("\n\n")
        return buffer
    }

    static let comment = ByteBuffer(string: ": keep-alive\n\n")
    static let done = ByteBuffer(string: "data: [DONE]\n\n")

    /// A response whose body is what `produce` gives to its argument, with comments where it is silent for long.
    ///
    /// When the client leaves, `produce` is cancelled. Its error, if it throws one, becomes the stream's last event.
    static func response(
        to context: ConnectionContext, headers: HTTPFields, _ produce: @escaping Produce
    ) -> Response {
        var all = Self.headers
        for field in headers { all.append(field) }
        return Response(
            status: .ok, headers: all,
            body: ResponseBody { writer in
                try await write(to: &writer, while: context, produce)
                try await writer.finish(nil)
            })
    }

    private static func write(
        to writer: inout any ResponseBodyWriter, while context: ConnectionContext, _ produce: @escaping Produce
    ) async throws {
        // It holds nothing: who sends waits for the writer, and the writer for the client.
        let events = AsyncChannel<ByteBuffer>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                defer { events.finish() }
                do {
                    try await context.whileConnected { try await produce { await events.send(data($0)) } }
                } catch let error where !(error is CancellationError) {
                    await events.send(data(["error": APIError(error).envelope]))
                }
                await events.send(done)
            }
            group.addTask {
                while true {
                    try await Task.sleep(for: keepAlive)
                    await events.send(comment)
                }
            }
            for await event in events { try await writer.write(event) }
            // Only what came to its own end may look like it.
            _ = try await group.next()
        }
    }
}
