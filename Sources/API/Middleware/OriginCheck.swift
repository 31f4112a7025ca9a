import HTTPTypes
import Hummingbird

/// Refuses requests that a web page of another site sends through the user's own browser.
///
/// On loopback the `Host` decides: a name that was rebound to 127.0.0.1 still stands there. A foreign `Origin` is refused
/// everywhere.
struct OriginCheck<Context: RequestContext>: RouterMiddleware {
    let options: ServerOptions

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response) async throws
        -> Response
    {
        if options.isLoopback {
            guard let host = request.head.authority, isOwn(Self.name(of: host)) else { throw refused("Host") }
        }
        if let origin = request.headers[.origin] {
            guard let authority = origin.split(separator: "//", maxSplits: 1).dropFirst().first,
                isOwn(Self.name(of: String(authority)))
            else { throw refused("Origin") }
        }
        return try await next(request, context)
    }

    private func isOwn(_ name: String) -> Bool {
        ["localhost", "127.0.0.1", "::1", options.host].contains(name)
            || name.hasPrefix("127.")
                && name.split(separator: ".").count == 4 && name.allSatisfy { $0.isNumber || $0 == "." }
            || options.allowedHosts.contains(name)
    }

    /// The name without its port; brackets of an IPv6 address are dropped.
    private static func name(of authority: String) -> String {
        if authority.hasPrefix("[") { return String(authority.dropFirst().prefix { $0 != "]" }).lowercased() }
        return String(authority.prefix { $0 != ":" }).lowercased()
    }

    private func refused(_ header: String) -> APIError {
        APIError(
            status: .forbidden,
            message: "the header '\(header)' names another site; reach the server by its own address",
            type: "permission_error", code: "foreign_origin")
    }
}
