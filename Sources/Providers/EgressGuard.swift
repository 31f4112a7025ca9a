public import AsyncHTTPClient
import Foundation
import Logging
public import NIOCore
import NIOHTTP1

/// The one door through which this process opens connections to others: it owns the HTTP client, and asks the policy
/// before every request. A test of the sources forbids any other client.
public final class EgressGuard: Sendable {
    /// What a connection is for.
    public enum Purpose: String, Sendable {
        /// Weights and their manifests.
        case download
    }

    private let policy: InferencePolicy
    private let client: HTTPClient

    /// A guard that keeps `policy`. Redirects are never followed by themselves: each address is asked for anew.
    public init(policy: InferencePolicy) {
        self.policy = policy
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.timeout = .init(connect: .seconds(10), read: .seconds(60))
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Sends `request` if the policy permits what it is for.
    /// - Parameter timeout: until the head of the answer.
    /// - Throws: ``PolicyError/refused(_:rule:)``, or what the connection met with.
    public func send(_ request: HTTPClientRequest, for purpose: Purpose, timeout: TimeAmount = .seconds(60)) async throws
        -> HTTPClientResponse
    {
        guard policy.permitsDownloads else {
            throw PolicyError.refused("\(purpose.rawValue) from another machine", rule: "INFERENCE_ALLOWED_PROVIDERS=local")
        }
        return try await client.execute(request, timeout: timeout)
    }

    /// Closes all connections.
    public func shutdown() async throws { try await client.shutdown() }
}
