import Foundation
import Logging
import Mesh
import ModelStore
import OrderedJSON
import Synchronization

/// A private network in memory: nodes at addresses, reached by the transports that it hands out.
final class Tailnet: Sendable {
    private struct State {
        var nodes: [String: MeshNode] = [:]
        var cut: Set<String> = []
        var asked: [String] = []
        var headers: Set<String> = []
    }
    private let state = Mutex(State())

    /// A node that is on the network at `host`; it lives in `folder`.
    func join(_ host: String, _ folder: TemporaryFolder, name: String = "node", tailscale: Tailscale? = nil)
        async throws
        -> MeshNode
    {
        let networks = MeshNetworks.tailnet
        let options = MeshNode.Options(
            name: name, version: "1", platform: "test", devices: [], addresses: [IPAddress(host)].compactMap { $0 },
            networks: networks)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        // A lock of its own: the node that this one restarts may not have gone yet.
        let lockFolder = try TemporaryFolder()
        let lock = try withExtendedLifetime(lockFolder) { try HomeLock(home: lockFolder.path) }
        let node = try await MeshNode(
            identity: try NodeIdentity.load(home: folder.path), lock: lock,
            registry: try PeerRegistry(home: folder.path),
            transport: Line(tailnet: self, networks: networks), secret: nil,
            shared: SharedModels(store: ModelStore(home: folder.path), logger: logger), tailscale: tailscale,
            options: options, port: 8080, logger: logger)
        state.withLock { $0.nodes[host] = node }
        return node
    }

    /// Lets nothing more through to `host`, or everything again.
    func cut(_ host: String, _ isCut: Bool = true) {
        state.withLock { state in
            if isCut { state.cut.insert(host) } else { state.cut.remove(host) }
        }
    }

    /// Moves a node to another address.
    func move(_ node: MeshNode, to host: String) {
        state.withLock { state in
            state.nodes = state.nodes.filter { $0.value !== node }
            state.nodes[host] = node
        }
    }

    /// All addresses that were asked for anything.
    var asked: [String] { state.withLock { $0.asked } }

    /// The names of all header fields that were sent.
    var headers: Set<String> { state.withLock { $0.headers } }

    private struct Line: Transport {
        struct NoAnswer: Error {}
        let tailnet: Tailnet
        let networks: MeshNetworks

        func send(_ request: TransportRequest) async throws -> TransportResponse {
            let rest = request.url.dropFirst("http://".count)
            let authority = String(rest.prefix { $0 != "/" })
            let address = try networks.check(authority, defaultPort: 80)
            let node = tailnet.state.withLock { state -> MeshNode? in
                state.asked.append(address.text)
                state.headers.formUnion(request.headers.map { $0.name.lowercased() })
                return state.cut.contains(address.ip.text) ? nil : state.nodes[address.ip.text]
            }
            guard let node else { throw NoAnswer() }
            let path = String(rest.dropFirst(authority.count))
            do {
                if path.hasPrefix("/v1/peers/self") {
                    let challenge = path.split(separator: "=").last.map(String.init)
                    return PeerStandIns.answer(
                        200, JSONValue.object(try await node.descriptor(challenge: challenge)).serializedBytes)
                }
                if path == "/v1/peers/hello" {
                    return PeerStandIns.answer(
                        200, try await node.answer(try JSONValue(parsing: request.body)).serializedBytes)
                }
                if path.hasSuffix("/probe") {
                    let id = path.split(separator: "/").dropLast().last.map(String.init) ?? ""
                    let reached = await node.probe(id)
                    return PeerStandIns.answer(200, Array("{\"reached\":\(reached)}".utf8))
                }
            } catch { return PeerStandIns.answer(422) }
            return PeerStandIns.answer(404)
        }
    }
}
