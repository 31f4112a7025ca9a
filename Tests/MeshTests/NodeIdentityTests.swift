import Crypto
import Foundation
import Mesh
import Testing

@Suite struct NodeIdentityTests {
    private static func isDamaged(_ error: MeshError?) -> Bool {
        if case .damagedKey = error { true } else { false }
    }

    @Test func `a first start makes a key for its owner alone, and a restart has the same`() throws {
        let folder = try TemporaryFolder()
        let home = "\(folder.path)/new/home"
        let first = try NodeIdentity.load(home: home)
        #expect(try folder.mode(of: "new/home/node_key") == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: home) == ["node_key"])
        let second = try NodeIdentity.load(home: home)
        #expect(first.id == second.id)
        #expect(first.publicKey == second.publicKey)
        #expect(try NodeIdentity.load(home: folder.path).id != first.id)
    }

    @Test func `the id belongs to the public key, and signatures to it`() throws {
        let identity = try NodeIdentity(privateKey: [UInt8](repeating: 7, count: 32))
        let digest = SHA256.hash(data: identity.publicKey).map { String(format: "%02x", $0) }.joined()
        #expect(identity.id == String(digest.prefix(32)))
        let key = try Curve25519.Signing.PublicKey(rawRepresentation: identity.publicKey)
        let signature = try identity.sign([1, 2, 3])
        #expect(key.isValidSignature(signature, for: [UInt8]([1, 2, 3])))
        #expect(!key.isValidSignature(signature, for: [UInt8]([1, 2, 4])))
        #expect(NodeIdentity.isID(identity.id))
        #expect(
            !["", identity.id + "0", identity.id.uppercased(), String(identity.id.dropLast())].contains(
                where: NodeIdentity.isID))
        #expect(throws: MeshError.self) { try NodeIdentity(privateKey: [1]) }
    }

    @Test func `a key that is cut anywhere stops the start, and stays as it is`() throws {
        let folder = try TemporaryFolder()
        _ = try NodeIdentity.load(home: folder.path)
        let whole = try folder.read("node_key")
        for count in 0..<whole.count {
            try folder.write(Array(whole[..<count]), to: "node_key")
            try folder.setMode(0o600, of: "node_key")
            let error = #expect(throws: MeshError.self) { try NodeIdentity.load(home: folder.path) }
            #expect(Self.isDamaged(error), "cut to \(count): \(String(describing: error))")
            #expect(try folder.read("node_key") == Array(whole[..<count]))
        }
    }

    @Test func `one bit changed anywhere in a key stops the start`() throws {
        let folder = try TemporaryFolder()
        _ = try NodeIdentity.load(home: folder.path)
        let whole = try folder.read("node_key")
        for place in whole.indices {
            for bit in 0..<8 {
                var changed = whole
                changed[place] ^= 1 << UInt8(bit)
                try folder.write(changed, to: "node_key")
                try folder.setMode(0o600, of: "node_key")
                let error = #expect(throws: MeshError.self) { try NodeIdentity.load(home: folder.path) }
                #expect(Self.isDamaged(error), "bit \(bit) of byte \(place)")
            }
        }
    }

    @Test(arguments: [
        [UInt8](repeating: 0, count: 86), Array("\n".utf8), Array("ed25519  \n".utf8), Array("ed25519 AAAA 00\n".utf8),
        Array("rsa AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 0\n".utf8), [UInt8](repeating: 0xff, count: 4096),
    ])
    func `what is no key stops the start`(content: [UInt8]) throws {
        let folder = try TemporaryFolder()
        try folder.write(content, to: "node_key")
        try folder.setMode(0o600, of: "node_key")
        #expect(Self.isDamaged(#expect(throws: MeshError.self) { try NodeIdentity.load(home: folder.path) }))
        #expect(try folder.read("node_key") == content)
    }

    @Test func `something behind the key stops the start`() throws {
        let folder = try TemporaryFolder()
        _ = try NodeIdentity.load(home: folder.path)
        let whole = try folder.read("node_key")
        for more in [whole, [10], [0], Array(" ".utf8)] {
            try folder.write(whole + more, to: "node_key")
            try folder.setMode(0o600, of: "node_key")
            #expect(Self.isDamaged(#expect(throws: MeshError.self) { try NodeIdentity.load(home: folder.path) }))
        }
    }

    @Test(arguments: [0o640, 0o604, 0o644, 0o620, 0o660, 0o666])
    func `a key that others may read or write stops the start`(mode: Int) throws {
        let folder = try TemporaryFolder()
        _ = try NodeIdentity.load(home: folder.path)
        try folder.setMode(mode, of: "node_key")
        #expect(Self.isDamaged(#expect(throws: MeshError.self) { try NodeIdentity.load(home: folder.path) }))
        try folder.setMode(0o600, of: "node_key")
        #expect(throws: Never.self) { try NodeIdentity.load(home: folder.path) }
    }

    @Test func `a link, a folder or a pipe in the key's place stops the start`() throws {
        for kind in 0..<3 {
            let folder = try TemporaryFolder()
            let path = "\(folder.path)/node_key"
            switch kind {
            case 0: #expect(symlink("\(folder.path)/elsewhere", path) == 0)
            case 1: #expect(mkdir(path, 0o700) == 0)
            default: #expect(mkfifo(path, 0o600) == 0)
            }
            #expect(Self.isDamaged(#expect(throws: MeshError.self) { try NodeIdentity.load(home: folder.path) }))
        }
    }

    @Test func `a home that can't be made is an error of the disk`() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], to: "file")
        let error = #expect(throws: MeshError.self) { try NodeIdentity.load(home: "\(folder.path)/file/home") }
        #expect(error?.description.contains("HYBRIE_HOME") == true || Self.isDamaged(error))
    }

    @Test func `of starts at once one makes the key and all have it`() async throws {
        for _ in 0..<20 {
            let folder = try TemporaryFolder()
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<16 { group.addTask { try NodeIdentity.load(home: folder.path).id } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            #expect(try folder.names == ["node_key"])
        }
    }

    @Test func `printing an identity doesn't show its private key`() throws {
        let identity = try NodeIdentity(privateKey: Array("a private key of 32 bytes, ASCII".utf8))
        var shown = "\(identity) \(String(reflecting: identity))"
        dump(identity, to: &shown)
        for form in [
            "a private key", Data("a private key of 32 bytes, ASCII".utf8).base64EncodedString(), "97, 32, 112",
        ] {
            #expect(!shown.contains(form))
        }
        #expect(shown.contains(identity.id))
    }

    @Test func `F3 - one process is the node of a home, and the next is told which`() throws {
        let home = try TemporaryFolder()
        do {
            let lock = try HomeLock(home: home.path)
            #expect(throws: MeshError.heldBy(Int(getpid()))) { try HomeLock(home: home.path) }
            withExtendedLifetime(lock) {}
        }
        _ = try HomeLock(home: home.path)
    }
}
