import Foundation
import Mesh
import ModelStore
import OrderedJSON
import Testing

@Suite struct MeshNodeTests {
    private let tailnet = Tailnet()

    private func host(_ number: Int) -> String { "100.64.0.\(number)" }

    /// Waits until `condition` holds.
    private func wait(_ what: Comment, until condition: () async -> Bool) async throws {
        for _ in 0..<3000 {
            if await condition() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("waited in vain: \(what)")
    }

    private func online(_ node: MeshNode) async -> Set<String> {
        Set(await node.peers.filter { $0.status == .online }.map(\.descriptor.id))
    }

    @Test func `a node that is registered is known, and comes to know who registered it`() async throws {
        let a = try await tailnet.join(host(1), TemporaryFolder(), name: "a")
        let b = try await tailnet.join(host(2), TemporaryFolder(), name: "b")
        let runs = [a, b].map { node in Task { await node.run(port: 8080) } }
        defer { for run in runs { run.cancel() } }
        let peer = try await a.register(host(2))
        #expect(peer.descriptor.id == b.id && peer.descriptor.name == "b")
        #expect(peer.status == .online && peer.source == .registered && peer.roundTrip != nil)
        #expect(try await a.register(host(2)).descriptor.id == b.id, "registering again is no fault")
        #expect(await a.peers.count == 1)
        try await wait("b to know a") { await online(b) == [a.id] }
    }

    @Test func `all nodes come to know each other by gossip`() async throws {
        var nodes: [MeshNode] = []
        for number in 1...5 { nodes.append(try await tailnet.join(host(number), TemporaryFolder())) }
        let runs = nodes.map { node in Task { await node.run(port: 8080) } }
        defer { for run in runs { run.cancel() } }
        for node in nodes.dropFirst() { _ = try await node.register(host(1)) }
        let ids = Set(nodes.map(\.id))
        try await wait("everybody to know everybody") {
            for node in nodes where await online(node) != ids.subtracting([node.id]) { return false }
            return true
        }
    }

    @Test func `a restarted node is itself again, and knows whom it knew`() async throws {
        let (first, second) = (try TemporaryFolder(), try TemporaryFolder())
        let a = try await tailnet.join(host(1), first)
        let b = try await tailnet.join(host(2), second)
        _ = try await a.register(host(2))
        let again = try await tailnet.join(host(1), first)
        #expect(again.id == a.id)
        #expect(await again.peers.map(\.descriptor.id) == [b.id])
        let sequences = (await a.ownPeer.descriptor.sequence, await again.ownPeer.descriptor.sequence)
        #expect(sequences.0 < sequences.1)
    }

    @Test func `F4 - a clock that stands at 1970 or far ahead lets nobody expire`() async throws {
        let (first, second) = (try TemporaryFolder(), try TemporaryFolder())
        let b = try await tailnet.join(host(2), second)
        do {
            let a = try await tailnet.join(host(1), first)
            _ = try await a.register(host(2))
        }
        for times in [(0.0, 0.0), (4e9, 4e9), (4e9, 0.0), (-3600.0, 4e9)] {
            let registry = try PeerRegistry(home: first.path)
            var stored = try #require(try await registry.peers().first)
            stored.firstSeen = Date(timeIntervalSince1970: times.0)
            stored.lastSeen = Date(timeIntervalSince1970: times.1)
            try await registry.save(stored)
            let a = try await tailnet.join(host(1), first)
            let runs = [a, b].map { node in Task { await node.run(port: 8080) } }
            defer { for run in runs { run.cancel() } }
            try await wait("b to be online, whatever the dates say") { await online(a) == [b.id] }
        }
    }

    @Test func `M6 - what nodes send each other carries nobody's key`() async throws {
        let a = try await tailnet.join(host(1), TemporaryFolder())
        let b = try await tailnet.join(host(2), TemporaryFolder())
        let runs = [a, b].map { node in Task { await node.run(port: 8080) } }
        defer { for run in runs { run.cancel() } }
        _ = try await a.register(host(2))
        for (node, other) in [(a, b), (b, a)] {
            try await wait("both to know each other") { await online(node) == [other.id] }
        }
        #expect(tailnet.headers == ["accept-encoding", "content-type", PeerClient.nodeHeader])
    }

    @Test func `a node that moves to another address stays one node`() async throws {
        let (first, second) = (try TemporaryFolder(), try TemporaryFolder())
        let a = try await tailnet.join(host(1), first)
        let b = try await tailnet.join(host(2), second)
        _ = try await a.register(host(2))
        tailnet.cut(host(2))
        let moved = try await tailnet.join(host(9), second)
        #expect(moved.id == b.id)
        _ = try await a.register(host(9))
        #expect(await a.peers.map(\.descriptor.addresses) == [[host(9)]])
    }

    /// `node` after `other` has said hello to it.
    private static func calls(_ node: MeshNode, from other: MeshNode) async throws -> MeshNode {
        let own = JSONValue.object(try await other.descriptor(challenge: nil))
        _ = try await node.answer(["own": own, "members": [], "records": []])
        return node
    }

    @Test func `a removed peer is gone until it is registered again`() async throws {
        let folder = try TemporaryFolder()
        let a = try await tailnet.join(host(1), folder)
        let b = try await tailnet.join(host(2), TemporaryFolder())
        _ = try await a.register(host(2))
        try await a.remove(b.id)
        #expect(await a.peers.isEmpty)
        // Neither its own calls nor a restart bring it back.
        #expect(try await Self.calls(a, from: b).peers.isEmpty)
        #expect(try await Self.calls(try await tailnet.join(host(1), folder), from: b).peers.isEmpty)
        await #expect(throws: MeshError.unknownPeer(b.id)) { try await a.remove(b.id) }
        _ = try await a.register(host(2))
        #expect(await a.peers.count == 1)
    }

    @Test(arguments: [
        "127.0.0.1", "[::1]:8080", "0.0.0.0", "169.254.169.254", "[fe80::1]:80", "unix:/run/x", "2130706433", "0x7f.1",
        "user@100.64.0.2", "localhost", "10.0.0.1", "100.64.0.2/x", "http://100.64.0.2", "", "100.64.0.2:0",
    ])
    func `M7 - addresses that aren't permitted get no packet`(address: String) async throws {
        let a = try await tailnet.join(host(1), TemporaryFolder())
        await #expect(throws: MeshError.self) { try await a.register(address) }
        #expect(tailnet.asked.isEmpty)
        #expect(await a.peers.isEmpty)
    }

    @Test func `who isn't there, or is the node itself, isn't stored`() async throws {
        let folder = try TemporaryFolder()
        let a = try await tailnet.join(host(1), folder)
        for address in [host(7), host(1)] {
            await #expect(throws: MeshError.self) { try await a.register(address) }
        }
        #expect(await a.peers.isEmpty)
        #expect(try await PeerRegistry(home: folder.path).peers().isEmpty)
    }

    @Test func `M8 - nobody is taken for a node whose descriptor he only copied`() async throws {
        let a = try await tailnet.join(host(1), TemporaryFolder())
        let b = try await tailnet.join(host(2), TemporaryFolder())
        let copied = JSONValue.object(try await b.descriptor(challenge: nil))
        struct Copycat: Transport {
            let answer: JSONValue
            func send(_ request: TransportRequest) async throws -> TransportResponse {
                PeerStandIns.answer(200, answer.serializedBytes)
            }
        }
        let client = PeerClient(ownID: "me", transport: Copycat(answer: copied), secret: nil)
        let address = try NodeAddress(host(3), defaultPort: 8080)
        await #expect(throws: MeshError.self) { try await client.descriptor(at: address) }
        #expect(await a.peers.isEmpty)
    }

    @Test func `a silent node is suspect first, then offline, and online when it is back`() async throws {
        // The times are the rules'; how they play out is the simulation's to show. Here: that they are carried out.
        let a = try await tailnet.join(host(1), TemporaryFolder())
        let b = try await tailnet.join(host(2), TemporaryFolder())
        let runs = [a, b].map { node in Task { await node.run(port: 8080) } }
        defer { for run in runs { run.cancel() } }
        _ = try await a.register(host(2))
        tailnet.cut(host(2))
        try await wait("b to be suspect") { await a.peers.first?.status == .suspect }
        #expect(await a.peers.first?.error != nil)
        tailnet.cut(host(2), false)
        try await wait("b to be back") { await online(a) == [b.id] }
    }

    @Test func `nodes of the tailnet are found by themselves`() async throws {
        let status = """
            {"BackendState":"Running","Self":{"ID":"n1","TailscaleIPs":["100.64.0.1"]},"Peer":{
            "nodekey:b":{"ID":"n2","HostName":"b","TailscaleIPs":["100.64.0.2"],"Online":true},
            "nodekey:c":{"ID":"n3","HostName":"c","TailscaleIPs":["100.64.0.3"],"Online":true},
            "nodekey:d":{"ID":"n4","HostName":"d","TailscaleIPs":["100.64.0.4"],"Online":false}}}
            """
        let tailscale = Tailscale(socket: "/s") { _, _ in Array(status.utf8) }
        let a = try await tailnet.join(host(1), TemporaryFolder(), tailscale: tailscale)
        let b = try await tailnet.join(host(2), TemporaryFolder())
        let run = Task { await a.run(port: 8080) }
        defer { run.cancel() }
        try await wait("b to be found") { await online(a) == [b.id] }
        #expect(await a.peers.first?.source == .tailscale)
        #expect(!tailnet.asked.contains("100.64.0.4:8080"), "who isn't online isn't asked")
    }
}
