import HTTPTypes
import Hummingbird

/// Refuses requests with more headers than any client needs, in the envelope; what goes far beyond it the parser cuts off.
struct HeaderSize<Context: RequestContext>: RouterMiddleware {
    /// Bytes of all names and values, as the limit is documented.
    static var mostBytes: Int { 64 << 10 }
    /// Header fields.
    static var mostFields: Int { 256 }

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response) async throws
        -> Response
    {
        let bytes = request.headers.reduce(0) { $0 + $1.name.rawName.utf8.count + $1.value.utf8.count }
        guard bytes <= Self.mostBytes, request.headers.count <= Self.mostFields else {
            throw APIError(
                status: .requestHeaderFieldsTooLarge,
                message: "the headers may have \(Self.mostBytes >> 10) KiB in \(Self.mostFields) fields",
                type: "invalid_request_error")
        }
        return try await next(request, context)
    }
}
