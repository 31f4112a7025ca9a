import Foundation
import Mesh
import Testing

@Suite struct PeerRegistryTests {
    private static func peer(
        _ number: UInt8, sequence: Int = 1, name: String = "kitchen", address: String? = nil,
        source: StoredSource = .registered, firstSeen: Double = 1000, lastSeen: Double? = nil
    ) throws -> StoredPeer {
        let identity = try NodeDescriptorTests.identity(number)
        var descriptor = NodeDescriptorTests.descriptor(identity, sequence: sequence)
        descriptor.name = name
        return StoredPeer(
            descriptor: try SignedDescriptor(signing: descriptor, by: identity), address: address, source: source,
            firstSeen: Date(timeIntervalSince1970: firstSeen),
            lastSeen: lastSeen.map { Date(timeIntervalSince1970: $0) })
    }

    private static func id(_ number: UInt8) throws -> String { try NodeDescriptorTests.identity(number).id }

    /// A home with some peers, closed.
    private static func filledHome(_ count: UInt8 = 20) async throws -> TemporaryFolder {
        let home = try TemporaryFolder()
        let registry = try PeerRegistry(home: home.path)
        for number in 1...count { try await registry.save(peer(number)) }
        _ = try await registry.takeSequence(atLeast: 7)
        return home
    }

    @Test func `peers are there after a restart`() async throws {
        let home = try TemporaryFolder()
        let peers = [
            try Self.peer(1, address: "100.64.0.2:8080", firstSeen: 1, lastSeen: 5.25),
            try Self.peer(2, source: .gossip, firstSeen: 2), try Self.peer(3, source: .tailscale, firstSeen: 3),
        ]
        do {
            let registry = try PeerRegistry(home: "\(home.path)/new")
            #expect(!registry.wasRebuilt)
            #expect(try await registry.peers().isEmpty)
            for peer in peers.reversed() { try await registry.save(peer) }
        }
        let registry = try PeerRegistry(home: "\(home.path)/new")
        #expect(!registry.wasRebuilt)
        #expect(try await registry.peers() == peers)
    }

    @Test func `a later descriptor takes the place of the earlier, the first sight stays`() async throws {
        let home = try TemporaryFolder()
        let registry = try PeerRegistry(home: home.path)
        try await registry.save(Self.peer(1, address: "100.64.0.2:8080", lastSeen: 1500))
        let later = try Self.peer(1, sequence: 2, name: "cellar", source: .gossip, firstSeen: 2000)
        try await registry.save(later)
        let stored = try #require(try await registry.peers().first)
        #expect(stored.descriptor == later.descriptor)
        #expect(stored.firstSeen.timeIntervalSince1970 == 1000)
        #expect(stored.address == "100.64.0.2:8080")
        #expect(stored.lastSeen?.timeIntervalSince1970 == 1500)
        #expect(stored.source == .registered)
        try await registry.save(Self.peer(1, sequence: 2, name: "cellar", address: "100.64.0.3:80", lastSeen: 1200))
        let again = try #require(try await registry.peers().first)
        #expect(again.address == "100.64.0.3:80" && again.lastSeen?.timeIntervalSince1970 == 1200)
        #expect(try await registry.peers().count == 1)
    }

    @Test(arguments: StoredSource.allCases, StoredSource.allCases)
    func `a source gives way only to a stronger one`(first: StoredSource, second: StoredSource) async throws {
        let home = try TemporaryFolder()
        let registry = try PeerRegistry(home: home.path)
        try await registry.save(Self.peer(1, source: first))
        try await registry.save(Self.peer(1, source: second))
        let order: [StoredSource] = [.registered, .tailscale, .gossip]
        #expect(try await registry.peers().first?.source == order.first { $0 == first || $0 == second })
    }

    @Test func `an old sequence sent once more changes nothing, nor does another text of the same`() async throws {
        let home = try TemporaryFolder()
        let registry = try PeerRegistry(home: home.path)
        let current = try Self.peer(1, sequence: 5)
        try await registry.save(current)
        for (sequence, name) in [(4, "kitchen"), (1, "kitchen"), (5, "cellar")] {
            let error = await #expect(throws: MeshError.self) {
                try await registry.save(
                    Self.peer(1, sequence: sequence, name: name, address: "100.64.9.9:1", lastSeen: 9))
            }
            #expect({ if case .badDescriptor = error { true } else { false } }())
            #expect(try await registry.peers() == [current])
        }
    }

    @Test func `what isn't signed is not kept`() async throws {
        let home = try TemporaryFolder()
        let registry = try PeerRegistry(home: home.path)
        var peer = try Self.peer(1)
        var signature = peer.descriptor.signature
        signature[5] ^= 1
        peer.descriptor = SignedDescriptor(payload: peer.descriptor.payload, signature: signature)
        await #expect(throws: MeshError.self) { try await registry.save(peer) }
        #expect(try await registry.peers().isEmpty)
    }

    @Test func `a peer is removed by its id, and who was removed by hand is remembered until he is registered`()
        async throws
    {
        let home = try TemporaryFolder()
        let registry = try PeerRegistry(home: home.path)
        try await registry.save(Self.peer(1))
        await #expect(throws: MeshError.unknownPeer("' OR 1=1 --")) { try await registry.remove("' OR 1=1 --") }
        try await registry.remove(Self.id(1))
        #expect(try await registry.peers().isEmpty)
        await #expect(throws: MeshError.unknownPeer(try Self.id(1))) { try await registry.remove(Self.id(1)) }
        #expect(try await registry.removed().isEmpty)
        try await registry.remove(Self.id(1), isByHand: true)
        #expect(try await PeerRegistry(home: home.path).removed() == [Self.id(1)])
        try await registry.save(Self.peer(1, source: .registered))
        #expect(try await registry.removed().isEmpty)
    }

    @Test func `the sequence rises over restarts`() async throws {
        let home = try TemporaryFolder()
        for expected in [(1, 1), (0, 2), (10, 10), (3, 11), (-5, 12)] {
            let registry = try PeerRegistry(home: home.path)
            #expect(try await registry.takeSequence(atLeast: expected.0) == expected.1)
        }
        let registry = try PeerRegistry(home: home.path)
        #expect(try await registry.takeSequence(atLeast: 1 << 53) == 1 << 53)
        await #expect(throws: MeshError.self) { try await registry.takeSequence(atLeast: 1) }
        await #expect(throws: MeshError.self) { try await registry.takeSequence(atLeast: .max) }
    }

    @Test func `a database that is cut is moved aside and made anew`() async throws {
        let filled = try await Self.filledHome()
        #expect(try filled.names == ["mesh.lock", "mesh.sqlite"], "the log is folded in when the last one closes")
        let whole = try filled.read("mesh.sqlite")
        try #require(whole.count > 4 * 4096)
        let lengths = [0, 1, 15, 16, 50, 99, 100, 101, 511, 512, 4095, 4096, 4097, 8192, 12288, whole.count - 4096]
        for length in lengths {
            let home = try TemporaryFolder()
            try home.write(Array(whole[..<length]), to: "mesh.sqlite")
            try await Self.expectRebuilt(home, Array(whole[..<length]), "cut to \(length)")
        }
    }

    private static func expectRebuilt(_ home: TemporaryFolder, _ damaged: [UInt8], _ comment: Comment) async throws {
        do {
            let registry = try PeerRegistry(home: home.path)
            #expect(registry.wasRebuilt, comment)
            #expect(try await registry.peers().isEmpty, comment)
            try await registry.save(peer(1))
        }
        #expect(try home.read("mesh.sqlite.damaged") == damaged, comment)
        let registry = try PeerRegistry(home: home.path)
        #expect(!registry.wasRebuilt, comment)
        #expect(try await registry.peers().count == 1, comment)
    }

    @Test func `a cut inside the last page costs no more than the rows there`() async throws {
        let whole = try await Self.filledHome().read("mesh.sqlite")
        for length in [whole.count - 1, whole.count - 700, whole.count - 4095] {
            let home = try TemporaryFolder()
            try home.write(Array(whole[..<length]), to: "mesh.sqlite")
            let registry = try PeerRegistry(home: home.path)
            for number in UInt8(1)...20 { try await registry.save(Self.peer(number, sequence: 2)) }
            #expect(try await registry.peers().count == 20, "cut to \(length)")
        }
    }

    @Test func `a zeroed file and no database are moved aside, in the place of an older one`() async throws {
        let count = try await Self.filledHome().read("mesh.sqlite").count
        for content in [[UInt8](repeating: 0, count: count), Array("not a database at all".utf8), [UInt8](1...200)] {
            let home = try TemporaryFolder()
            try home.write(content, to: "mesh.sqlite")
            for name in ["mesh.sqlite.damaged", "mesh.sqlite.damaged-wal", "mesh.sqlite-wal"] {
                try home.write(Array(name.utf8), to: name)
            }
            try await Self.expectRebuilt(home, content, "\(content.prefix(8))")
            let log = try home.names.contains("mesh.sqlite.damaged-wal") ? home.read("mesh.sqlite.damaged-wal") : nil
            #expect(log != Array("mesh.sqlite.damaged-wal".utf8), "a log of an older one stays beside the new")
        }
    }

    @Test func `zeroes in the middle are noticed when the registry opens, or cost rows`() async throws {
        let whole = try await Self.filledHome().read("mesh.sqlite")
        for page in 1..<(whole.count / 4096) {
            let home = try TemporaryFolder()
            var content = whole
            for place in (page * 4096)..<((page + 1) * 4096) { content[place] = 0 }
            try home.write(content, to: "mesh.sqlite")
            let registry = try PeerRegistry(home: home.path)
            for number in UInt8(1)...20 { try await registry.save(Self.peer(number, sequence: 2)) }
            #expect(try await registry.peers().count == 20, "page \(page)")
        }
    }

    @Test func `a row that was changed on the disk is passed over, and can be saved anew`() async throws {
        let home = try await Self.filledHome(3)
        var content = try home.read("mesh.sqlite")
        let name = Array("kitchen".utf8)
        let place = try #require(
            (0..<content.count - 7).first { Array(content[$0..<$0 + 7]) == name }, "no name in the file")
        content[place] ^= 1
        try home.write(content, to: "mesh.sqlite")
        let registry = try PeerRegistry(home: home.path)
        #expect(!registry.wasRebuilt)
        #expect(try await registry.peers().count == 2)
        for number in UInt8(1)...3 { try await registry.save(Self.peer(number)) }
        #expect(try await registry.peers().count == 3)
    }

    @Test func `two at once in one home see each other's rows and never take the same sequence`() async throws {
        let home = try TemporaryFolder()
        let registries = try await withThrowingTaskGroup(of: PeerRegistry.self) { group in
            for _ in 0..<2 { group.addTask { try PeerRegistry(home: home.path) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(!registries.contains { $0.wasRebuilt })
        let taken = try await withThrowingTaskGroup(of: Int.self) { group in
            for turn in 0..<40 {
                group.addTask {
                    let registry = registries[turn % 2]
                    try await registry.save(Self.peer(UInt8(turn + 1)))
                    return try await registry.takeSequence(atLeast: 1)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(taken.sorted() == Array(1...40))
        for registry in registries { #expect(try await registry.peers().count == 40) }
    }

    @Test func `a home that can't be made is an error of the disk`() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], to: "file")
        let error = #expect(throws: MeshError.self) { try PeerRegistry(home: "\(folder.path)/file") }
        #expect({ if case .storage = error { true } else { false } }())
    }
}
