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
    public enum Purpose: Sendable {
        /// Weights and their manifests.
        case download
        /// Other nodes and their weights.
        case mesh
    }

    private let policy: InferencePolicy
    private let client: HTTPClient
    /// For other nodes: who doesn't answer soon is asked no longer, because another one may have the same.
    let peers: HTTPClient

    /// A guard that keeps `policy`. Redirects are never followed by themselves: each address is asked for anew.
    public init(policy: InferencePolicy) {
        self.policy = policy
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.timeout = .init(connect: .seconds(10), read: .seconds(60))
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        configuration.timeout = .init(connect: .seconds(5), read: .seconds(10))
        peers = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// The policy's answer to `purpose`.
    /// - Throws: ``PolicyError/refused(_:rule:)`` with the rule's name.
    public func check(_ purpose: Purpose) throws(PolicyError) {
        switch purpose {
        case .download:
            guard policy.permitsDownloads else {
                throw .refused("download from another machine", rule: "INFERENCE_ALLOWED_PROVIDERS=local")
            }
        case .mesh:
            guard policy.permitsMesh else { throw .refused("traffic with other nodes", rule: "HYBRIE_MESH") }
        }
    }

    /// Closes all connections.
    public func shutdown() async throws {
        try await client.shutdown()
        try await peers.shutdown()
    }
}

extension EgressGuard: Transport {
    /// Sends a request for weights or their manifests, if the policy permits downloads.
    public func send(_ request: TransportRequest) async throws -> TransportResponse {
        try check(.download)
        return try await perform(request, by: client)
    }

    /// Sends what has been checked.
    func perform(_ request: TransportRequest, by client: HTTPClient) async throws -> TransportResponse {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = .RAW(value: request.method)
        for (name, value) in request.headers { outgoing.headers.add(name: name, value: value) }
        if !request.body.isEmpty { outgoing.body = .bytes(ByteBuffer(bytes: request.body)) }
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
