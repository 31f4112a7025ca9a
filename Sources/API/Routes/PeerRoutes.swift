import Foundation
import HTTPTypes
import Hummingbird
import Mesh
import ModelStore
import NIOCore
import OrderedJSON

/// `/v1/peers`: which nodes there are, and the weights that this one passes on.
///
/// The first group is for people and their programs, the second for other nodes, which may sign requests with the mesh's
/// secret instead of sending the API key.
struct PeerRoutes: Sendable {
    let state: ServerState
    let mesh: MeshNode
    let gate: UploadGate

    func add(to router: Router<ConnectionContext>) {
        router.get("/v1/peers") { _, _ in
            let own = await mesh.ownPeer
            let peers = await mesh.peers
            return Response.json(["self": Self.json(own), "peers": .array(peers.map(Self.json))])
        }
        router.post("/v1/peers/register") { request, _ in
            var request = request
            var fields = Fields(try await state.body(of: &request))
            guard let node = try fields.string("node") else {
                throw APIError.invalid(
                    "'node' is missing; give the node's address, such as 100.64.0.2:8080", param: "node")
            }
            let peer = try await mesh.register(node)
            return Response.json(["peer": Self.json(peer), "self": Self.json(await mesh.ownPeer)])
        }
        router.delete("/v1/peers/:id") { _, context in
            let id = context.parameters.get("id") ?? ""
            try await mesh.remove(id)
            return Response.json(["id": .string(id), "deleted": true])
        }
        router.post("/v1/peers/sync") { request, _ in
            var request = request
            var fields = Fields(try await state.body(of: &request))
            guard let model = try fields.string("model") else {
                throw APIError.invalid("'model' is missing; name a model of this node", param: "model")
            }
            let replies = try await mesh.spread(model)
            return Response.json([
                "model": .string(model),
                "peers": .array(
                    replies.map { ["id": .string($0.id), "name": .string($0.name), "state": .string($0.state)] }),
            ])
        }
        addNodeRoutes(to: router)
    }

    /// Whether a request is one of those that nodes send each other: these read, or say that somebody is there.
    static func isForNodes(_ request: Request) -> Bool {
        let parts = request.uri.path.split(separator: "/").dropFirst(2)
        guard request.uri.path.hasPrefix("/v1/peers/"), let first = parts.first else { return false }
        switch request.method {
        case .get: return ["self", "models", "blobs"].contains(first)
        case .post:
            return parts.count == 1 && ["hello", "models"].contains(first) || parts.count == 2 && parts.last == "probe"
        default: return false
        }
    }

    /// The longest body of such a request: descriptors and a list of members.
    static let mostNodeBytes = 2 << 20

    private func addNodeRoutes(to router: Router<ConnectionContext>) {
        router.get("/v1/peers/self") { request, _ in
            let challenge = request.uri.queryParameters["nonce"].map(String.init)
            return Response.json(.object(try await mesh.descriptor(challenge: challenge)))
        }
        router.post("/v1/peers/hello") { request, _ in
            var request = request
            let message = try await state.body(of: &request)
            return Response.json(try await mesh.answer(.object(message)))
        }
        router.post("/v1/peers/:id/probe") { _, context in
            Response.json(["reached": .bool(await mesh.probe(context.parameters.get("id") ?? ""))])
        }
        router.post("/v1/peers/models") { request, _ in
            var request = request
            var fields = Fields(try await state.body(of: &request))
            guard let digest = try fields.string("digest").flatMap(Digest.init), let name = try fields.string("name")
            else {
                throw APIError.invalid("'digest' and 'name' say which model is to be taken", param: "digest")
            }
            return Response.json(["state": .string(try await mesh.take(digest, as: name).rawValue)])
        }
        router.get("/v1/peers/models") { _, _ in Response.json(await models()) }
        router.get("/v1/peers/models/:digest") { _, context in
            guard let manifest = await mesh.shared.manifest(try digest(context)) else { throw HTTPError(.notFound) }
            return Response.json(manifest.json)
        }
        router.get("/v1/peers/models/:digest/have") { _, context in
            guard let bytes = await mesh.shared.possession(of: try digest(context))?.bytes else {
                throw HTTPError(.notFound)
            }
            return Response(
                status: .ok, headers: [.contentType: "application/octet-stream", .contentLength: "\(bytes.count)"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        }
        router.get("/v1/peers/blobs/:digest") { request, context in
            guard let blob = await mesh.shared.blob(try digest(context)) else { throw HTTPError(.notFound) }
            let peer = await mesh.knownID(request.headers[.node])
            let answer = FileAnswer(
                path: blob.path, bytes: blob.bytes, gate: gate, patience: state.options.times.write,
                sent: { mesh.traffic.sent($0, to: peer) },
                holds: blob.holds)
            return try answer.response(to: request, context)
        }
    }

    private func models() async -> JSONValue {
        let models = await mesh.shared.entries
        let arriving = await mesh.shared.arriving()
        return [
            "models": .array(models.map(Self.json)),
            "arriving": .array(
                arriving.map { ["digest": .string($0.digest.text), "bytes": .integer($0.bytes)] }),
        ]
    }

    /// Nothing but 64 digits ever becomes part of a path, and not even these do: they are looked up.
    private func digest(_ context: ConnectionContext) throws -> Digest {
        guard let digest = Digest(context.parameters.get("digest") ?? "") else {
            throw APIError.invalid("a digest is 'sha256:' and 64 lower-case hexadecimal digits", param: "digest")
        }
        return digest
    }
}

extension PeerRoutes {
    private static func json(_ peer: Peer) -> JSONValue {
        let descriptor = peer.descriptor
        return [
            "id": .string(descriptor.id), "name": .string(descriptor.name),
            "addresses": .array(descriptor.addresses.map { .string($0) }), "port": .integer(descriptor.port),
            "version": .string(descriptor.version), "platform": .string(descriptor.platform),
            "devices": .array(descriptor.devices.map { .string($0) }),
            "models": .array(descriptor.models.map(json)), "status": .string(peer.status.rawValue),
            "source": peer.source.map { .string($0.rawValue) } ?? .null,
            "first_seen": .integer(Int(peer.firstSeen.timeIntervalSince1970)),
            "last_seen": peer.lastSeen.map { .integer(Int($0.timeIntervalSince1970)) } ?? .null,
            "rtt_ms": peer.roundTrip.map { .number((Double($0.components.attoseconds) / 1e12).rounded() / 1e3) }
                ?? .null,
            "error": peer.error.map { .string($0) } ?? .null,
        ]
    }

    private static func json(_ model: ModelEntry) -> JSONValue {
        ["id": .string(model.id), "digest": .string(model.digest), "bytes": .integer(model.bytes)]
    }
}
