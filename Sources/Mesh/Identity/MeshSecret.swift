import Crypto
import Foundation
import ModelStore

/// A secret that the nodes of one mesh share; each request between them proves, without sending it, that the sender has it.
///
/// The header is `x-hybrie-mesh: v1 <nonce, 32 hex digits> <HMAC-SHA256, 64 hex digits>` (RFC 2104). The code covers the
/// version, the nonce, the method, the path with its query, and the SHA-256 of the body. Nonces aren't remembered: who
/// can read the traffic can send a request once more, to this node or to another one of the mesh. A tailnet encrypts its
/// traffic; on other networks, requests between nodes must do no harm when they come twice.
public struct MeshSecret: Sendable {
    /// The name of the header.
    public static let headerName = "x-hybrie-mesh"
    private static let version = "v1"
    private let key: SymmetricKey

    /// The secret of that text.
    /// - Throws: ``MeshError/damagedKey(reason:)`` if it has fewer than 16 bytes.
    public init(_ text: String) throws(MeshError) {
        guard text.utf8.count >= 16 else {
            throw .damagedKey(
                reason: "the mesh secret has \(text.utf8.count) bytes; choose one of at least 16 that nobody can guess")
        }
        key = SymmetricKey(data: Array(text.utf8))
    }

    /// What the header says for a request.
    /// - Parameters:
    ///   - path: with its leading slash and its query, as it stands in the request.
    ///   - body: all of it; none for a request without.
    public func header(method: String, path: String, body: [UInt8]) -> String {
        let nonce = hexadecimal((0..<16).map { _ in UInt8.random(in: 0...255) })
        let code = HMAC<SHA256>.authenticationCode(for: Self.covered(nonce, method, path, body), using: key)
        return "\(Self.version) \(nonce) \(hexadecimal(code))"
    }

    /// Whether the header of a request was made with this secret for this very request.
    public func admits(_ header: String?, method: String, path: String, body: [UInt8]) -> Bool {
        guard let header, header.utf8.count == 100 else { return false }
        let words = header.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 3, words[0] == Self.version, let nonce = Self.bytes(words[1], count: 16),
            let code = Self.bytes(words[2], count: 32),
            // Newlines separate what is covered, so there must be none inside.
            !(method + path).utf8.contains(where: { $0 == 10 || $0 == 13 })
        else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(
            code, authenticating: Self.covered(hexadecimal(nonce), method, path, body), using: key)
    }

    private static func covered(_ nonce: String, _ method: String, _ path: String, _ body: [UInt8]) -> [UInt8] {
        let digest = hexadecimal(SHA256.hash(data: body))
        return Array([version, nonce, method.uppercased(), path, digest].joined(separator: "\n").utf8)
    }

    /// The bytes of exactly `2 * count` lower-case hexadecimal digits.
    private static func bytes(_ text: String, count: Int) -> [UInt8]? {
        guard text.utf8.count == 2 * count else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        for (place, digit) in text.utf8.enumerated() {
            let value: UInt8
            switch digit {
            case 0x30...0x39: value = digit - 0x30
            case 0x61...0x66: value = digit - 0x61 + 10
            default: return nil
            }
            bytes[place / 2] = bytes[place / 2] << 4 | value
        }
        return bytes
    }
}

extension MeshSecret: CustomStringConvertible, CustomReflectable {
    /// Never the secret.
    public var description: String { "mesh secret" }
    /// Nothing: logs and crash reports print mirrors.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
