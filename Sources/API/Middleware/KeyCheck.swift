import Crypto
import Foundation
import HTTPTypes
import Hummingbird

/// Asks every request for the API key, if there is one. Digests are compared, in constant time, so that the time says
/// nothing about the key.
struct KeyCheck<Context: RequestContext>: RouterMiddleware {
    private let digest: SHA256Digest?

    init(key: String?) { digest = key.map { SHA256.hash(data: Data($0.utf8)) } }

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response) async throws
        -> Response
    {
        // Load balancers ask for health without a key; the answer says nothing but "ok".
        guard let digest, request.uri.path != "/health" else { return try await next(request, context) }
        let header = request.headers[.authorization] ?? ""
        let prefix = "Bearer "
        let given = header.hasPrefix(prefix) ? String(header.dropFirst(prefix.count)) : ""
        // `==` of digests doesn't stop at the first difference.
        guard SHA256.hash(data: Data(given.utf8)) == digest else { throw APIError.unauthorized }
        return try await next(request, context)
    }
}
