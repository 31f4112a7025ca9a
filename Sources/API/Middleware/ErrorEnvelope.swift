import HTTPTypes
import Hummingbird
import Logging

/// Gives every answer an id, and turns every error into OpenAI's envelope: those that routes throw, and the router's own.
struct ErrorEnvelope<Context: RequestContext>: RouterMiddleware {
    let logger: Logger

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response) async throws
        -> Response
    {
        let id = Self.usable(request.headers[.requestID]) ?? Identifier.random()
        var response: Response
        do {
            response = try await next(request, context)
        } catch {
            let known = APIError(error)
            if known.status.code >= 500, known.code == nil {
                logger.error(
                    "request failed",
                    metadata: ["request": "\(id)", "path": "\(request.uri.path)", "error": "\(error)"])
            }
            response = known.response
            // The rest of a body that was refused must not be taken for the next request.
            if known.status == .contentTooLarge { response.headers[.connection] = "close" }
        }
        // Who asks for the head alone takes a body for the next answer.
        if request.method == .head { response.body = ResponseBody() }
        response.headers[.requestID] = id
        return response
    }

    /// A client's own id, if it can stand in a header and a log.
    private static func usable(_ id: String?) -> String? {
        guard let id, (1...128).contains(id.utf8.count), id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return nil
        }
        return id
    }
}
