import AsyncHTTPClient
public import Mesh
public import ModelStore
import NIOCore
import NIOHTTP1

extension EgressGuard {
    /// The way to other nodes: every address is checked against `networks` before a packet leaves, and exactly what was
    /// checked is dialled. Only numbers are addresses here, so that no name can mean something else the second time.
    public func mesh(_ networks: MeshNetworks) -> any Transport { MeshTransport(egress: self, networks: networks) }

    /// Asks tailscaled's LocalAPI over its socket: its own machine, so that no network is touched.
    /// - Returns: up to 8 MiB of body.
    public func askTailscale(socket: String, path: String) async throws -> [UInt8] {
        try check(.mesh)
        // AsyncHTTPClient's form for a socket: the path of the socket stands where the host does.
        var escaped = ""
        for byte in socket.utf8 {
            let isPlain = (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
            escaped += isPlain ? String(UnicodeScalar(byte)) : "%" + String(UInt16(byte) | 0x100, radix: 16).suffix(2)
        }
        var request = HTTPClientRequest(url: "http+unix://\(escaped)\(path)")
        request.headers.add(name: "host", value: "local-tailscaled.sock")
        let response = try await peers.execute(request, timeout: .seconds(5))
        guard response.status == .ok else {
            throw MeshError.refused(by: "tailscaled", status: Int(response.status.code))
        }
        return Array(try await response.body.collect(upTo: 8 << 20).readableBytesView)
    }
}

private struct MeshTransport: Transport {
    let egress: EgressGuard
    let networks: MeshNetworks

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        try egress.check(.mesh)
        let scheme = "http://"
        guard request.url.hasPrefix(scheme) else { throw MeshError.refusedAddress(String(request.url.prefix(64))) }
        let rest = request.url.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" }
        let address = try networks.check(String(authority), defaultPort: 80)
        return try await egress.perform(
            TransportRequest(
                method: request.method, url: address.url + rest.dropFirst(authority.count), headers: request.headers,
                body: request.body),
            by: egress.peers)
    }
}
