import API
import Foundation
import Mesh
import ModelStore

/// How this node meets others.
struct MeshSettings {
    /// What it calls itself.
    let name: String
    /// What requests between nodes are signed with.
    let secret: MeshSecret?
    /// The networks that other nodes may be reached in.
    let networks: MeshNetworks
    /// The port of nodes whose address names none.
    let port: Int
    /// Models that this node shall have.
    let wanted: [HubReference]
    /// Whether peers may ask this node to take a model.
    let acceptsSync: Bool
    /// How much of its weights it sends.
    let uploads: UploadLimits
    /// Where tailscaled answers; `nil`: it isn't asked.
    let tailscaleSocket: String?

    init(environment: [String: String], file: SettingsFile, apiKey: String?, host: String) throws {
        name = try environment["HYBRIE_NODE_NAME"] ?? file.string("mesh", "name") ?? Self.hostName
        // Nodes that were all given one key need no second one: it is never sent, only signed with.
        let ownSecret = try environment["HYBRIE_MESH_SECRET"] ?? file.string("mesh", "secret")
        secret = try ownSecret.map { try MeshSecret($0) } ?? apiKey.flatMap { try? MeshSecret($0) }
        let allowed =
            try environment["HYBRIE_MESH_ALLOW"].map { $0.split(separator: ",").map { $0.filter { $0 != " " } } }
            ?? file.strings("mesh", "allow")
        networks = try allowed.map { try MeshNetworks(list: $0) } ?? .tailnet
        let portText = environment["HYBRIE_MESH_PORT"]
        port =
            try portText.map { text in
                guard let port = Int(text) else {
                    throw ConfigurationError.notANumber(place: "HYBRIE_MESH_PORT", text: text)
                }
                return port
            } ?? file.integer("mesh", "port") ?? 8080
        guard (1...65535).contains(port) else {
            throw ConfigurationError.outOfRange(place: "the mesh's port", value: port, range: 1...65535)
        }
        wanted = try (file.strings("mesh", "wanted") ?? []).map { try HubReference($0) }
        acceptsSync = try file.bool("mesh", "accept_sync") ?? false
        var uploads = UploadLimits()
        uploads.bytesPerSecond = try Self.limit(file, "upload_mib_per_s", atMost: 1 << 20).map { $0 << 20 }
        uploads.uploads = try Self.limit(file, "uploads", atMost: 100_000) ?? uploads.uploads
        self.uploads = uploads
        let socket = try environment["HYBRIE_TAILSCALE_SOCKET"] ?? file.string("mesh", "tailscale_socket")
        // A server that only this machine reaches has nothing to say to a tailnet, unless it is told to.
        let usual =
            MeshSettings.isLoopback(host) ? nil : Tailscale.usualSockets.first(where: FileManager.default.fileExists)
        tailscaleSocket = socket.map { $0.isEmpty ? nil : $0 } ?? usual
    }

    private static func limit(_ file: SettingsFile, _ key: String, atMost most: Int) throws -> Int? {
        guard let value = try file.integer("mesh", key) else { return nil }
        guard (1...most).contains(value) else {
            throw ConfigurationError.outOfRange(place: "'mesh.\(key)' in \(file.name)", value: value, range: 1...most)
        }
        return value
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    private static var hostName: String {
        let name = ProcessInfo.processInfo.hostName
        return String(name.prefix { $0 != "." }.prefix(64))
    }
}
