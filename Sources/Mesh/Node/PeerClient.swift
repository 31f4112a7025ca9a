package import ModelStore
import OrderedJSON

/// What a node asks other nodes: their HTTP API from the other side.
public struct PeerClient: Sendable {
    private let transport: any Transport
    private let secret: MeshSecret?
    private let ownID: String

    /// A client of the node `ownID` that opens connections by `transport` and signs requests with the mesh's secret, if
    /// there is one.
    package init(ownID: String, transport: any Transport, secret: MeshSecret?) {
        self.ownID = ownID
        self.transport = transport
        self.secret = secret
    }

    /// Says which node asks; nobody relies on it, it only sorts the figures.
    public static let nodeHeader = "x-hybrie-node"

    /// Longest answer but for manifests and chunks.
    static let answerBytes = 256 << 10
    /// How long an answer may take in all, but for manifests and chunks.
    static let patience = Duration.seconds(5)

    /// A small answer as JSON.
    func ask(
        _ address: NodeAddress, _ method: String, _ path: String, _ body: JSONValue? = nil, bytes: Int = answerBytes,
        within limit: Duration = patience
    ) async throws -> JSONValue {
        let bytes = try await answer(
            address, method, path, body: body?.serializedBytes ?? [], bytes: bytes, within: limit)
        let limits = JSONLimits(bytes: bytes.count, depth: 16, values: 40_000, keys: 20_000)
        do { return try JSONValue(parsing: bytes, limits: limits) } catch {
            throw MeshError.badAnswer(from: address.text, reason: "\(error)")
        }
    }

    /// The manifest of a model.
    /// - Throws: ``MeshError`` also where the manifest isn't the one of `digest`.
    func manifest(_ digest: Digest, at address: NodeAddress) async throws -> ModelManifest {
        let bytes = try await answer(
            address, "GET", "/v1/peers/models/\(digest.text)", bytes: ModelManifest.mostBytes, within: .seconds(60))
        let manifest: ModelManifest
        do { manifest = try ModelManifest(parsing: bytes) } catch {
            throw MeshError.badAnswer(from: address.text, reason: "\(error)")
        }
        guard manifest.digest == digest else {
            throw MeshError.badAnswer(from: address.text, reason: "it sent the manifest of another model")
        }
        return manifest
    }

    /// Which chunks of a model a node has, and which it is about to get.
    func possession(of manifest: ModelManifest, chunkCount: Int, at address: NodeAddress) async throws -> Possession {
        let bytes = try await answer(
            address, "GET", "/v1/peers/models/\(manifest.digest.text)/have", bytes: 2 * (chunkCount / 8 + 1))
        guard let possession = Possession(chunkCount: chunkCount, bytes: bytes) else {
            throw MeshError.badAnswer(
                from: address.text, reason: "its list of chunks has another length than the model")
        }
        return possession
    }

    /// Fetches the bytes of a chunk, unchecked, into `buffer`, whose memory is used again.
    /// - Throws: ``MeshError/refused(by:status:)`` if the node doesn't have it; what the transport throws.
    func chunk(
        _ chunk: ModelManifest.Chunk, of file: ModelManifest.File, at address: NodeAddress,
        into buffer: inout [UInt8]
    ) async throws {
        let range = (name: "range", value: "bytes=\(chunk.offset)-\(chunk.offset + chunk.bytes - 1)")
        let response = try await send(address, "GET", "/v1/peers/blobs/\(file.root.text)", headers: [range])
        guard response.status == 206 else { throw MeshError.refused(by: address.text, status: response.status) }
        try await collect(response, upTo: chunk.bytes, from: address, into: &buffer)
    }

    private func answer(
        _ address: NodeAddress, _ method: String, _ path: String, body: [UInt8] = [], bytes: Int,
        within limit: Duration = patience
    ) async throws -> [UInt8] {
        try await Deadline.run(limit, MeshError.unreachable(address.text, reason: "it didn't answer in \(limit)")) {
            let response = try await send(address, method, path, body: body)
            guard response.status == 200 else { throw MeshError.refused(by: address.text, status: response.status) }
            var answer: [UInt8] = []
            try await collect(response, upTo: bytes, from: address, into: &answer)
            return answer
        }
    }

    private func send(
        _ address: NodeAddress, _ method: String, _ path: String, headers: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) async throws -> TransportResponse {
        var headers = headers + [("accept-encoding", "identity"), (Self.nodeHeader, ownID)]
        if !body.isEmpty { headers.append(("content-type", "application/json")) }
        if let secret {
            headers.append((MeshSecret.headerName, secret.header(method: method, path: path, body: body)))
        }
        let request = TransportRequest(method: method, url: address.url + path, headers: headers, body: body)
        do { return try await transport.send(request) } catch {
            if error is CancellationError || error is MeshError { throw error }
            throw MeshError.unreachable(address.text, reason: "\(error)")
        }
    }

    private func collect(
        _ response: TransportResponse, upTo most: Int, from address: NodeAddress, into bytes: inout [UInt8]
    ) async throws {
        bytes.removeAll(keepingCapacity: true)
        bytes.reserveCapacity(min(most, Int(response.headers["content-length"] ?? "") ?? 0))
        for try await piece in response.body {
            guard bytes.count + piece.count <= most else {
                throw MeshError.badAnswer(from: address.text, reason: "it sends more than the \(most) bytes asked for")
            }
            bytes += piece
        }
    }
}

/// Work that is given up when its time is over.
enum Deadline {
    /// - Throws: what `work` throws, or `error` when the time is over.
    static func run<Value: Sendable>(
        _ limit: Duration, _ error: MeshError, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            defer { group.cancelAll() }
            group.addTask(operation: work)
            group.addTask {
                try await Task.sleep(for: limit)
                throw error
            }
            guard let value = try await group.next() else { throw error }
            return value
        }
    }
}
