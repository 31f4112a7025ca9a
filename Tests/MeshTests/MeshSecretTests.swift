import Crypto
import Foundation
import Mesh
import Testing

@Suite struct MeshSecretTests {
    private static let text = "sixteen bytes or more"
    private static let body = Array(#"{"a":1}"#.utf8)

    private static func secret() throws -> MeshSecret { try MeshSecret(text) }

    @Test func `a header admits its own request and no other`() throws {
        let secret = try Self.secret()
        let header = secret.header(method: "POST", path: "/v1/mesh?a=1", body: Self.body)
        #expect(secret.admits(header, method: "POST", path: "/v1/mesh?a=1", body: Self.body))
        #expect(secret.admits(header, method: "post", path: "/v1/mesh?a=1", body: Self.body))
        #expect(!secret.admits(header, method: "GET", path: "/v1/mesh?a=1", body: Self.body))
        #expect(!secret.admits(header, method: "POST", path: "/v1/mesh?a=2", body: Self.body))
        #expect(!secret.admits(header, method: "POST", path: "/v1/mesh", body: Self.body))
        #expect(!secret.admits(header, method: "POST", path: "/v1/mesh?a=1", body: Self.body + [32]))
        #expect(!secret.admits(header, method: "POST", path: "/v1/mesh?a=1", body: []))
        #expect(
            !(try MeshSecret("another secret of 16")).admits(
                header, method: "POST", path: "/v1/mesh?a=1", body: Self.body))
    }

    @Test func `the header is what other implementations compute`() throws {
        let header = try Self.secret().header(method: "get", path: "/v1/peers", body: [])
        let words = header.split(separator: " ").map(String.init)
        #expect(words.count == 3 && words[0] == "v1" && words[1].count == 32)
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        let covered = Data("v1\n\(words[1])\nGET\n/v1/peers\n\(empty)".utf8)
        let code = HMAC<SHA256>.authenticationCode(for: covered, using: SymmetricKey(data: Data(Self.text.utf8)))
        #expect(words[2] == code.map { String(format: "%02x", $0) }.joined())
    }

    @Test func `no two headers have one nonce`() throws {
        let secret = try Self.secret()
        let headers = Set((0..<100).map { _ in secret.header(method: "GET", path: "/", body: []) })
        #expect(headers.count == 100)
    }

    @Test func `a header that was changed anywhere admits nothing`() throws {
        let secret = try Self.secret()
        let header = secret.header(method: "GET", path: "/", body: [])
        let bytes = Array(header.utf8)
        for place in bytes.indices {
            for bit in 0..<7 {
                var changed = bytes
                changed[place] ^= 1 << UInt8(bit)
                let text = String(decoding: changed, as: UTF8.self)
                #expect(!secret.admits(text, method: "GET", path: "/", body: []), "bit \(bit) of byte \(place)")
            }
            #expect(!secret.admits(String(header.prefix(place)), method: "GET", path: "/", body: []))
        }
        for text in [nil, "", " ", header + " ", " " + header, header + header, header.uppercased(), "v1  "] {
            #expect(!secret.admits(text, method: "GET", path: "/", body: []))
        }
    }

    @Test func `a line can't be moved between method and path`() throws {
        let secret = try Self.secret()
        let header = secret.header(method: "A\nB", path: "C", body: [])
        #expect(!secret.admits(header, method: "A", path: "B\nC", body: []))
        #expect(!secret.admits(header, method: "A\nB", path: "C", body: []))
    }

    @Test(arguments: ["", "short", "fifteen bytes !"])
    func `a short secret is refused, and not shown`(text: String) {
        let error = #expect(throws: MeshError.self) { try MeshSecret(text) }
        #expect(error?.description.contains("16") == true)
        #expect(text.isEmpty || error?.description.contains(text) == false)
    }

    @Test func `printing a secret doesn't show it`() throws {
        let secret = try Self.secret()
        var shown = "\(secret) \(String(reflecting: secret)) \([secret])"
        dump(secret, to: &shown)
        #expect(!shown.contains(Self.text))
        #expect(Mirror(reflecting: secret).children.isEmpty)
    }
}
