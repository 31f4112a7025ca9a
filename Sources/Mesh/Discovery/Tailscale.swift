import OrderedJSON

/// Finds the machines of the tailnet that this one is in, by asking the daemon's local API over its socket. Multicast
/// doesn't cross a tailnet, so nodes don't find each other without.
public struct Tailscale: Sendable {
    /// Fetches `path` (`GET`, `Host: local-tailscaled.sock`) from the server behind a Unix socket; the body of its answer.
    public typealias Ask = @Sendable (_ socket: String, _ path: String) async throws -> [UInt8]

    /// Where the daemon listens: its own place, and Homebrew's.
    public static let usualSockets = ["/var/run/tailscale/tailscaled.sock", "/var/run/tailscaled.socket"]

    private let socket: String
    private let ask: Ask

    /// The daemon behind `socket`, asked by way of `ask`.
    public init(socket: String, ask: @escaping Ask) {
        self.socket = socket
        self.ask = ask
    }

    /// Who is in the tailnet now.
    /// - Throws: ``MeshError/unreachable(_:reason:)`` if the daemon doesn't answer; ``MeshError/badAnswer(from:reason:)``
    ///   if what it says isn't a status, or more than 8 MiB or 10,000 peers.
    public func status() async throws(MeshError) -> TailscaleStatus {
        let answer: [UInt8]
        do { answer = try await ask(socket, "/localapi/v0/status") } catch let error as MeshError { throw error } catch
        {
            throw .unreachable(socket, reason: "\(error)")
        }
        let json: JSONValue
        do { json = try JSONValue(parsing: answer, limits: TailscaleStatus.limits) } catch {
            throw .badAnswer(from: socket, reason: error.description)
        }
        return try TailscaleStatus(json, from: socket)
    }
}

/// What a Tailscale daemon says about its tailnet.
public struct TailscaleStatus: Sendable, Equatable {
    /// Another machine of the tailnet.
    public struct Node: Sendable, Equatable {
        /// Tailscale's own id of it, which has nothing to do with a ``NodeIdentity``.
        public let id: String
        /// What it calls itself; others may have the same name.
        public let hostName: String
        /// Its full name in the tailnet, without a dot at the end; empty if it has none.
        public let dnsName: String
        /// At least one, and at most 16.
        public let addresses: [IPAddress]
    }
    /// Whether this machine is in a tailnet now.
    public let isRunning: Bool
    /// This machine's addresses in it.
    public let ownAddresses: [IPAddress]
    /// The others that are online; their order is the daemon's.
    public let nodes: [Node]

    /// A peer costs about 40 values.
    static let limits = JSONLimits(bytes: 8 << 20, depth: 16, values: 1_000_000, keys: 600_000)
    private static let maximumPeers = 10_000
    private static let maximumAddresses = 16

    init(_ json: JSONValue, from socket: String) throws(MeshError) {
        guard json.object != nil, let state = json["BackendState"]?.string else {
            throw .badAnswer(from: socket, reason: "it isn't the status of a Tailscale daemon")
        }
        guard state == "Running" else {
            self = .notRunning
            return
        }
        let peers = json["Peer"] ?? .null
        guard peers.isNull || peers.object != nil else {
            throw .badAnswer(from: socket, reason: "'Peer' is no object")
        }
        let entries = peers.object?.entries ?? []
        guard entries.count <= Self.maximumPeers else {
            throw .badAnswer(from: socket, reason: "it names more than \(Self.maximumPeers) peers")
        }
        self.init(
            isRunning: true, ownAddresses: Self.addresses(json["Self"] ?? .null),
            nodes: entries.compactMap { Self.node($0.value) })
    }

    private init(isRunning: Bool, ownAddresses: [IPAddress], nodes: [Node]) {
        self.isRunning = isRunning
        self.ownAddresses = ownAddresses
        self.nodes = nodes
    }

    /// That of a machine that is in no tailnet.
    public static let notRunning = TailscaleStatus(isRunning: false, ownAddresses: [], nodes: [])

    /// The peer, unless it is offline or lacks what is needed to reach it.
    private static func node(_ peer: JSONValue) -> Node? {
        guard peer["Online"]?.bool == true, let id = name(peer["ID"]), !id.isEmpty else { return nil }
        let addresses = addresses(peer)
        guard !addresses.isEmpty else { return nil }
        let dnsName = name(peer["DNSName"]) ?? ""
        return Node(
            id: id, hostName: name(peer["HostName"]) ?? "",
            dnsName: dnsName.hasSuffix(".") ? String(dnsName.dropLast()) : dnsName, addresses: addresses)
    }

    private static func addresses(_ machine: JSONValue) -> [IPAddress] {
        (machine["TailscaleIPs"]?.array ?? []).prefix(maximumAddresses).compactMap {
            $0.string.flatMap { IPAddress($0) }
        }
    }

    /// A name of at most 255 bytes that can be shown.
    private static func name(_ value: JSONValue?) -> String? {
        guard let text = value?.string, text.utf8.count <= 255, !text.unicodeScalars.contains(where: \.isControl) else {
            return nil
        }
        return text
    }
}
