import AsyncHTTPClient
import Mesh
import NIOCore
import NIOHTTP1

extension EgressGuard {
    /// Asks a server on this very machine, as the doctor does. Only addresses of this machine can be reached, redirects are
    /// not followed: nothing leaves the machine, so no policy is asked.
    /// - Parameters:
    ///   - host: what the server listens on.
    ///   - path: with its leading slash.
    ///   - seconds: how long it may take in all.
    /// - Returns: the status and up to 8 MiB of body.
    public static func askOwnServer(
        host: String = "127.0.0.1", port: Int, _ method: String, _ path: String, key: String? = nil,
        body: [UInt8]? = nil, seconds: Int64 = 30
    ) async throws -> (status: Int, body: [UInt8]) {
        guard let ip = InterfaceAddresses.own(host) else {
            throw PolicyError.refused(
                "a request to '\(host)', no address of this machine,", rule: "the guard of its own server")
        }
        let address = try NodeAddress(ip.text, defaultPort: port)
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            var request = HTTPClientRequest(url: address.url + path)
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
