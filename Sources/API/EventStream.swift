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
        to request: Request, headers: HTTPFields,
        _ produce: @escaping @Sendable (_ emit: @Sendable (JSONValue) -> Void) async throws -> Void
    ) -> Response {
        var all = Self.headers
        for field in headers { all.append(field) }
        return Response(
            status: .ok, headers: all,
            body: ResponseBody { writer in
                try await request.body.consumeWithCancellationOnInboundClose { _ in
                    try await write(to: &writer, produce)
                }
                try await writer.finish(nil)
            })
    }

    private static func write(
        to writer: inout any ResponseBodyWriter,
        _ produce: @escaping @Sendable (_ emit: @Sendable (JSONValue) -> Void) async throws -> Void
    ) async throws {
        let (events, continuation) = AsyncStream<ByteBuffer>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await produce { continuation.yield(data($0)) }
                } catch is CancellationError {
                    continuation.finish()
                    return
                } catch {
                    continuation.yield(data(["error": APIError(error).envelope]))
                }
                continuation.yield(done)
                continuation.finish()
            }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: keepAlive)
                    continuation.yield(comment)
                }
            }
            for await event in events { try await writer.write(event) }
            group.cancelAll()
        }
    }
}
