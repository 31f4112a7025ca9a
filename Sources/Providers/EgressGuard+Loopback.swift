import AsyncHTTPClient
import NIOCore
import NIOHTTP1

extension EgressGuard {
    /// Asks a server on this very machine, as the doctor does. Only 127.0.0.1 can be reached, redirects are not followed:
    /// nothing leaves the machine, so no policy is asked.
    /// - Parameters:
    ///   - path: with its leading slash.
    ///   - seconds: how long it may take in all.
    /// - Returns: the status and up to 8 MiB of body.
    public static func askLoopback(
        port: Int, _ method: String, _ path: String, key: String? = nil, body: [UInt8]? = nil, seconds: Int64 = 30
    ) async throws -> (status: Int, body: [UInt8]) {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
            request.method = .RAW(value: method)
            if let key { request.headers.add(name: "authorization", value: "Bearer \(key)") }
            if let body {
                request.headers.add(name: "content-type", value: "application/json")
                request.body = .bytes(ByteBuffer(bytes: body))
            }
            let response = try await client.execute(request, timeout: .seconds(seconds))
            let bytes = try await response.body.collect(upTo: 8 << 20)
            try await client.shutdown()
            return (Int(response.status.code), Array(bytes.readableBytesView))
        } catch {
            try? await client.shutdown()
            throw error
        }
    }
}
