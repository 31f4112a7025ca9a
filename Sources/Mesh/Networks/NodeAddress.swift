/// Where a node listens: an IP address and a port. Names aren't taken, since what a name means can change between the
/// check and the call.
public struct NodeAddress: Hashable, Sendable {
    /// The machine.
    public let ip: IPAddress
    /// From 1 to 65535.
    public let port: Int

    /// The address of those parts.
    /// - Throws: ``MeshError/badAddress(_:reason:)`` for a port that isn't from 1 to 65535.
    public init(ip: IPAddress, port: Int) throws(MeshError) {
        guard (1...65535).contains(port) else {
            throw .badAddress("\(ip.text) port \(port)", reason: "ports go from 1 to 65535")
        }
        self.ip = ip
        self.port = port
    }

    /// Reads `1.2.3.4`, `1.2.3.4:80`, `fd7a::1` or `[fd7a::1]:80`.
    /// - Throws: ``MeshError/badAddress(_:reason:)`` for everything else.
    public init(_ text: String, defaultPort: Int) throws(MeshError) {
        let (machine, port) = try Self.split(text)
        guard let ip = IPAddress(machine) else {
            throw .badAddress(text, reason: "it isn't an IP address, and names aren't looked up")
        }
        guard let port else {
            try self.init(ip: ip, port: defaultPort)
            return
        }
        let digits = port.utf8
        guard (1...5).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            digits.first != 0x30, let number = Int(port), number <= 65535
        else { throw .badAddress(text, reason: "the port isn't a number from 1 to 65535") }
        try self.init(ip: ip, port: number)
    }

    /// The text of the IP address, and of the port if there is one.
    private static func split(_ text: String) throws(MeshError) -> (machine: String, port: String?) {
        let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
        guard text.utf8.first == UInt8(ascii: "[") else {
            guard colons == 1, let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return (text, nil) }
            return (String(text[..<colon]), String(text[text.utf8.index(after: colon)...]))
        }
        guard let end = text.utf8.firstIndex(of: UInt8(ascii: "]")) else {
            throw .badAddress(text, reason: "the bracket isn't closed")
        }
        let machine = String(text[text.utf8.index(after: text.startIndex)..<end])
        guard machine.utf8.contains(UInt8(ascii: ":")) else {
            throw .badAddress(text, reason: "only IPv6 addresses stand in brackets")
        }
        let rest = text[text.utf8.index(after: end)...]
        if rest.isEmpty { return (machine, nil) }
        guard rest.utf8.first == UInt8(ascii: ":") else {
            throw .badAddress(text, reason: "what follows the bracket isn't a port")
        }
        return (machine, String(rest.dropFirst()))
    }

    /// The usual spelling, with the port always.
    public var text: String { ip.isV6 ? "[\(ip.text)]:\(port)" : "\(ip.text):\(port)" }

    /// The start of the URLs there, without a slash at its end.
    public var url: String { "http://\(text)" }
}
