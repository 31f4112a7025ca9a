import AsyncHTTPClient
import Foundation
import Logging
public import ModelStore
import NIOCore
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

    /// The policy's answer to `purpose`.
    /// - Throws: ``PolicyError/refused(_:rule:)`` with the rule's name.
    public func check(_ purpose: Purpose) throws(PolicyError) {
        guard policy.permitsDownloads else {
            throw .refused("\(purpose.rawValue) from another machine", rule: "INFERENCE_ALLOWED_PROVIDERS=local")
        }
    }

    /// Closes all connections.
    public func shutdown() async throws { try await client.shutdown() }
}

extension EgressGuard: Transport {
    /// Sends a request for weights or their manifests, if the policy permits downloads.
    public func send(_ request: TransportRequest) async throws -> TransportResponse {
        try check(.download)
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = .RAW(value: request.method)
        for (name, value) in request.headers { outgoing.headers.add(name: name, value: value) }
        let response = try await client.execute(outgoing, timeout: .hours(24))
        var headers: [String: String] = [:]
        for (name, value) in response.headers { headers[name.lowercased()] = value }
        let pieces = BodyIterator(response.body)
        return TransportResponse(
            status: Int(response.status.code), headers: headers,
            body: AsyncThrowingStream { try await pieces.next() })
    }
}

/// Hands out a body's pieces one at a time, as they are asked for: nothing is read ahead of the disk.
private actor BodyIterator {
    private var iterator: HTTPClientResponse.Body.AsyncIterator

    init(_ body: HTTPClientResponse.Body) { iterator = body.makeAsyncIterator() }

    func next() async throws -> [UInt8]? {
        // The stream asks again only after the last answer, so nobody else is at the iterator meanwhile.
        nonisolated(unsafe) var taken = iterator
        let piece = try await taken.next()
        iterator = taken
        return piece.map { Array($0.readableBytesView) }
    }
}
