import Mesh
import Testing

/// Failure detection and gossip of many nodes, hours of it in seconds; `HYBRIE_SEED` replays a seed, `HYBRIE_LONG=1`
/// runs a thousand. `SimulatedMesh+Checks.swift` holds what is checked at every step.
@Suite struct MembershipSimulationTests {
    /// How many nodes, over which seeds.
    struct Size: Sendable, CustomTestStringConvertible {
        let nodes: Int
        let seeds: [UInt64]
        var testDescription: String { "\(nodes) nodes, \(seeds.count) seeds" }

        static let all: [Size] =
            [Size(nodes: 8, seeds: Seeds.some(30, long: 1000))]
            + (Seeds.isLong ? [Size(nodes: 64, seeds: Seeds.some(50, long: 50))] : [])
    }

    private static let lossyMinutes = Seeds.isLong ? 2 : 1

    /// A mesh whose nodes have all found each other through node 0.
    private func settled(_ size: Size, _ seed: UInt64, rules: MembershipRules = MembershipRules()) -> SimulatedMesh {
        var mesh = SimulatedMesh(size.nodes, seed: seed, rules: rules)
        if mesh.run(atMost: .seconds(10 + size.nodes), until: { $0.allSee() }) == nil {
            mesh.faults.append("seed \(seed): the nodes didn't find each other")
        }
        return mesh
    }

    @Test(arguments: Size.all)
    func `nodes that know one of them find each other, and all agree`(size: Size) {
        var times: [Duration] = []
        for seed in size.seeds {
            var mesh = SimulatedMesh(size.nodes, seed: seed)
            let time = mesh.run(atMost: .seconds(60)) { $0.allSee() && $0.recordsAgree() }
            #expect(time != nil, "seed \(seed)")
            times.append(time ?? .seconds(60))
            #expect(mesh.faults == [])
        }
        print("\(size.testDescription): all found each other: \(times.summary)")
    }

    @Test(arguments: Size.all)
    func `with 30 % loss no living node is called offline, and statuses don't flap`(size: Size) {
        var most = 0
        var total = 0
        for seed in size.seeds {
            var mesh = settled(size, seed)
            mesh.network.loss = 0.3
            mesh.network.duplication = 0.05
            mesh.network.straggling = 0.1
            let start = mesh.now
            mesh.run(for: .seconds(60 * Self.lossyMinutes))
            let changes = mesh.changes(since: start)
            most = max(most, changes.mostPerMinute)
            total += changes.total
            for (index, node) in mesh.nodes.enumerated() {
                let offline = node.facts.changes.filter { $0.status == .offline }
                #expect(offline.isEmpty, "seed \(seed): node \(index): \(offline)")
            }
            #expect(changes.mostPerMinute <= 2 * size.nodes, "seed \(seed)")
            mesh.network.heal()
            #expect(mesh.run(atMost: .seconds(15)) { $0.allSee() } != nil, "seed \(seed)")
            #expect(mesh.faults == [])
        }
        let mean = Double(total) / Double(size.seeds.count * size.nodes * Self.lossyMinutes)
        print("\(size.testDescription): 30 % loss: \(mean) changes per node and minute, most \(most)")
    }

    @Test(arguments: Size.all, [0.0, 0.3])
    func `a crashed node is suspect, then offline at every node in bounded time`(size: Size, loss: Double) {
        var suspect: [Duration] = []
        var offline: [Duration] = []
        for seed in size.seeds {
            var mesh = settled(size, seed)
            mesh.network.loss = loss
            mesh.run(for: .seconds(3))
            let victim = Int.random(in: 0..<size.nodes, using: &mesh.random)
            mesh.crash(victim)
            let start = mesh.now
            let time = mesh.run(atMost: .seconds(90)) { $0.allSee(victim, as: .offline) }
            #expect(time != nil, "seed \(seed)")
            for node in mesh.running {
                let changes = mesh.nodes[node].facts.changes.filter {
                    $0.id == SimulatedMesh.id(victim) && $0.time >= start
                }
                suspect += changes.first { $0.status == .suspect }.map { [$0.time - start] } ?? []
                offline += changes.first { $0.status == .offline }.map { [$0.time - start] } ?? []
            }
            #expect(mesh.faults == [])
        }
        print("\(size.testDescription): loss \(loss): suspect \(suspect.summary); offline \(offline.summary)")
        #expect((suspect.max() ?? .zero) <= .seconds(size.nodes > 8 ? 40 : 25))
        #expect((offline.max() ?? .zero) <= .seconds(size.nodes > 8 ? 60 : 50))
    }

    @Test(arguments: Size.all)
    func `after a partition of 60 s all records agree within 3 rounds, and all are online again`(size: Size) {
        var agreed: [Duration] = []
        var online: [Duration] = []
        for seed in size.seeds {
            var mesh = settled(size, seed)
            let half = Int.random(in: 1..<size.nodes, using: &mesh.random)
            for (place, node) in mesh.nodes.indices.shuffled(using: &mesh.random).enumerated() {
                mesh.network.groups[node] = place < half ? 0 : 1
                // Each side learns something that the other can't.
                mesh.schedule(in: .seconds(Double.random(in: 1...59, using: &mesh.random))) { $0.renew(node) }
            }
            mesh.run(for: .seconds(60))
            mesh.network.heal()
            let start = mesh.now
            // A round: each node has begun a probe of each other one, one per period.
            let round = mesh.rules.period * Double(size.nodes - 1)
            let limit = round * 3
            let time = mesh.run(atMost: limit) { $0.recordsAgree() }
            #expect(time != nil, "seed \(seed)")
            agreed.append(time ?? limit)
            let rest = mesh.run(atMost: .seconds(60)) { $0.allSee() }
            #expect(rest != nil, "seed \(seed)")
            online.append(mesh.now - start)
            #expect(mesh.faults == [])
        }
        print("\(size.testDescription): after the partition: agreed \(agreed.summary); online \(online.summary)")
    }

    @Test(arguments: Size.all)
    func `crashes, restarts, cuts, partitions and loss leave no lasting trace`(size: Size) {
        var times: [Duration] = []
        for seed in size.seeds {
            var mesh = settled(size, seed)
            mesh.network.duplication = 0.05
            mesh.network.straggling = 0.1
            for _ in 0..<20 {
                misfortune(&mesh)
                mesh.run(for: .seconds(Double.random(in: 1...8, using: &mesh.random)))
            }
            mesh.network.heal()
            for node in mesh.nodes.indices where !mesh.nodes[node].isUp { mesh.restart(node, keepsState: true) }
            // Back-off may have grown to 64 s; whoever is found first brings the others' probes forward.
            let time = mesh.run(atMost: .seconds(120)) { $0.allSee() && $0.recordsAgree() }
            #expect(time != nil, "seed \(seed)")
            times.append(time ?? .seconds(120))
            #expect(mesh.faults == [])
        }
        print("\(size.testDescription): whole again after all faults: \(times.summary)")
    }

    private func misfortune(_ mesh: inout SimulatedMesh) {
        let node = Int.random(in: 0..<mesh.nodes.count, using: &mesh.random)
        let other = Int.random(in: 0..<mesh.nodes.count, using: &mesh.random)
        switch Int.random(in: 0..<8, using: &mesh.random) {
        case 0, 1: if mesh.running.count > 2 { mesh.crash(node) }
        case 2: if !mesh.nodes[node].isUp { mesh.restart(node, keepsState: true) }
        case 3: if !mesh.nodes[node].isUp { mesh.restart(node, keepsState: false) }
        case 4: mesh.network.cuts.insert(.init(from: node, to: other))
        case 5: mesh.network.groups[node] = 1
        case 6: mesh.network.loss = Double.random(in: 0...0.3, using: &mesh.random)
        default: mesh.network.heal()
        }
    }

    @Test(arguments: Size.all)
    func `across a one-way cut helpers keep both up for a minute, and no longer`(size: Size) {
        for seed in size.seeds {
            var mesh = settled(size, seed)
            mesh.network.cuts = [.init(from: 1, to: 2)]
            let start = mesh.now
            mesh.run(for: mesh.rules.indirectTrust - .seconds(1))
            #expect(mesh.allSee(), "seed \(seed)")
            #expect(mesh.changes(since: start).total == 0, "seed \(seed)")
            let limit = mesh.rules.period * Double(4 * size.nodes) + .seconds(60)
            #expect(
                mesh.run(atMost: limit) { $0.sees(1, 2) == .offline && $0.sees(2, 1) == .offline } != nil,
                "seed \(seed)")
            #expect(mesh.sees(0, 1) == .online && mesh.sees(0, 2) == .online, "seed \(seed)")
            mesh.network.heal()
            #expect(mesh.run(atMost: .seconds(15)) { $0.allSee() } != nil, "seed \(seed)")
            #expect(mesh.faults == [])
        }
    }
}
