import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import Mesh
import NIOCore

/// Asks every request for the API key, if there is one; other nodes may show the mesh's secret instead where they ask for
/// what nodes ask for. Digests are compared, in constant time, so that the time says
/// nothing about the key.
struct KeyCheck<Context: RequestContext>: RouterMiddleware {
    private let digest: SHA256Digest?

    private let secret: MeshSecret?

    init(key: String?, secret: MeshSecret?) {
        digest = key.map { SHA256.hash(data: Data($0.utf8)) }
        self.secret = secret
    }

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response) async throws
        -> Response
    {
        // Load balancers ask for health without a key; the answer says nothing but "ok".
        guard let digest, request.uri.path != "/health" else { return try await next(request, context) }
        let header = request.headers[.authorization] ?? ""
        let prefix = "Bearer "
        let given = header.hasPrefix(prefix) ? String(header.dropFirst(prefix.count)) : ""
        // `==` of digests doesn't stop at the first difference.
        if SHA256.hash(data: Data(given.utf8)) == digest { return try await next(request, context) }
        guard let signed = try await signedByNode(request) else { throw APIError.unauthorized }
        return try await next(signed, context)
    }

    /// The request with its body read, if a node that knows the secret has sent it and may send such a request.
    private func signedByNode(_ request: Request) async throws -> Request? {
        guard let secret, let header = request.headers[.mesh], PeerRoutes.isForNodes(request) else { return nil }
        var request = request
        let body: ByteBuffer
        do { body = try await request.collectBody(upTo: PeerRoutes.mostNodeBytes) } catch is NIOTooManyBytesError {
            throw APIError(
                status: .contentTooLarge, message: "a node's request may have \(PeerRoutes.mostNodeBytes >> 20) MiB",
                type: "invalid_request_error")
        }
        let isGenuine = secret.admits(
            header, method: request.method.rawValue, path: request.uri.description,
            body: Array(body.readableBytesView))
        return isGenuine ? request : nil
    }
}
