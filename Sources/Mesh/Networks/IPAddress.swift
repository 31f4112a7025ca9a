import Foundation

/// An address of the Internet Protocol, in one form only: an IPv4 address inside IPv6 (`::ffff:0:0/96`) is its IPv4 address.
public struct IPAddress: Hashable, Sendable {
    /// The address as a number, most significant byte first.
    enum Number: Hashable, Sendable {
        case v4(UInt32)
        case v6(high: UInt64, low: UInt64)
    }
    let number: Number

    /// The IPv4 address of that number.
    public init(v4: UInt32) { number = .v4(v4) }

    /// The IPv6 address of those halves.
    public init(v6 high: UInt64, _ low: UInt64) {
        let isMapped = high == 0 && low >> 32 == 0xffff
        number = isMapped ? .v4(UInt32(truncatingIfNeeded: low)) : .v6(high: high, low: low)
    }

    /// Reads `1.2.3.4` or RFC 4291's forms of IPv6, and nothing else: no number in one piece, no hexadecimal or octal
    /// parts, no zone, no name. `nil` for those.
    public init?(_ text: String) {
        // The call below stops at a NUL, and libraries differ about zones: neither gets that far.
        let permitted = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
            case UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: ":"), UInt8(ascii: "."): true
            default: false
            }
        }
        guard permitted, text.utf8.count <= 45 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        if !text.utf8.contains(UInt8(ascii: ":")) {
            guard inet_pton(AF_INET, text, &bytes) == 1 else { return nil }
            self.init(v4: UInt32(truncatingIfNeeded: Self.bigEndian(bytes[..<4])))
            // Whatever the library makes of leading zeros: an address is spelled in one way.
            guard self.text == text else { return nil }
        } else {
            guard inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
            self.init(v6: Self.bigEndian(bytes[..<8]), Self.bigEndian(bytes[8...]))
        }
    }

    private static func bigEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    /// The usual spelling (RFC 5952 for IPv6).
    public var text: String {
        var spelling = [CChar](repeating: 0, count: 64)
        switch number {
        case .v4(let value):
            inet_ntop(AF_INET, Self.bytes(UInt64(value), count: 4), &spelling, 64)
        case .v6(let high, let low):
            inet_ntop(AF_INET6, Self.bytes(high, count: 8) + Self.bytes(low, count: 8), &spelling, 64)
        }
        return String(decoding: spelling.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func bytes(_ value: UInt64, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
    }

    /// Whether this is an IPv6 address.
    public var isV6: Bool {
        if case .v6 = number { true } else { false }
    }
}

extension IPAddress {
    /// Whether this is the machine itself: `127.0.0.0/8`, `::1`.
    package var isLoopback: Bool {
        switch number {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    /// Whether no single machine beyond the link can have this address: unspecified (all of `0.0.0.0/8`, which systems
    /// take for themselves), multicast, broadcast, link-local (where clouds serve their credentials).
    var isNeverANode: Bool {
        switch number {
        case .v4(let value):
            value >> 24 == 0 || value >> 28 == 0xe || value == .max || value >> 16 == 0xa9fe
        case .v6(let high, let low):
            (high == 0 && low == 0) || high >> 56 == 0xff || high >> 54 == 0xfe80 >> 6
        }
    }
}
