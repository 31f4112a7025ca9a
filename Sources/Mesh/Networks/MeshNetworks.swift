/// The networks that mesh traffic may reach. Every address is held against them before a packet is sent, wherever it came
/// from: a request, a descriptor, gossip.
public struct MeshNetworks: Sendable, Hashable {
    /// One network: all addresses that share its first bits.
    private struct Network: Sendable, Hashable {
        let first: IPAddress
        let prefixBits: Int

        func contains(_ address: IPAddress) -> Bool {
            switch (first.number, address.number) {
            case (.v4(let first), .v4(let value)): (first ^ value) >> UInt32(32 - prefixBits) == 0
            case (.v6(let high, let low), .v6(let otherHigh, let otherLow)):
                (high ^ otherHigh) >> UInt64(64 - min(prefixBits, 64)) == 0
                    && (low ^ otherLow) >> UInt64(64 - max(prefixBits - 64, 0)) == 0
            default: false
            }
        }

        /// Whether no bit is set behind the prefix.
        var isWhole: Bool {
            switch first.number {
            case .v4(let value): value << UInt32(prefixBits) == 0
            case .v6(let high, let low):
                high << UInt64(min(prefixBits, 64)) == 0 && low << UInt64(max(prefixBits - 64, 0)) == 0
            }
        }

        /// Whether nothing but this machine's loopback lies in it.
        var isLoopback: Bool { first.isLoopback && prefixBits >= (first.isV6 ? 128 : 8) }
    }
    private var networks: [Network]

    /// The networks of `list`, each `address/bits` or one address, and no others.
    /// - Throws: ``MeshError/badAddress(_:reason:)`` for an entry that isn't one.
    public init(list: [String]) throws(MeshError) {
        networks = []
        for text in list { networks.append(try Self.network(text)) }
    }

    private init(networks: [Network]) { self.networks = networks }

    /// What Tailscale gives to its nodes: 100.64.0.0/10 (RFC 6598) and fd7a:115c:a1e0::/48.
    public static let tailnet = MeshNetworks(networks: [
        Network(first: IPAddress(v4: 0x6440_0000), prefixBits: 10),
        Network(first: IPAddress(v6: 0xfd7a_115c_a1e0_0000, 0), prefixBits: 48),
    ])

    private static func network(_ text: String) throws(MeshError) -> Network {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard let first = IPAddress(parts[0]), first.isV6 == parts[0].utf8.contains(UInt8(ascii: ":")) else {
            throw .badAddress(text, reason: "a network begins with an IP address, as in 10.0.0.0/8")
        }
        let bits = first.isV6 ? 128 : 32
        if parts.count == 1 { return Network(first: first, prefixBits: bits) }
        let isNumber = (1...3).contains(parts[1].utf8.count) && parts[1].utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard parts.count == 2, isNumber, let prefixBits = Int(parts[1]), prefixBits <= bits else {
            throw .badAddress(text, reason: "what follows the slash isn't a number from 0 to \(bits)")
        }
        let network = Network(first: first, prefixBits: prefixBits)
        guard network.isWhole else {
            throw .badAddress(
                text, reason: "bits are set behind the first \(prefixBits), so it isn't clear what is meant")
        }
        return network
    }

    /// Whether a node may be reached at `address`.
    ///
    /// Unspecified, multicast, broadcast and link-local addresses are never permitted, whatever the list says. The
    /// loopback is only if it is listed by itself: `0.0.0.0/0` doesn't open this machine's other services.
    public func permits(_ address: IPAddress) -> Bool {
        if address.isNeverANode { return false }
        return networks.contains { $0.contains(address) && (!address.isLoopback || $0.isLoopback) }
    }

    /// Reads the address of a node, and holds it against the networks.
    /// - Throws: ``MeshError/badAddress(_:reason:)``; ``MeshError/refusedAddress(_:)`` for one outside them.
    public func check(_ text: String, defaultPort: Int) throws(MeshError) -> NodeAddress {
        let address = try NodeAddress(text, defaultPort: defaultPort)
        guard permits(address.ip) else { throw .refusedAddress(text) }
        return address
    }
}
