import Mesh
import Testing

/// Members that lie, and peers that were removed or lost their state, in the simulator.
@Suite struct MembershipTrustTests {
    private func settled(_ seed: UInt64, rules: MembershipRules = MembershipRules()) -> SimulatedMesh {
        var mesh = SimulatedMesh(8, seed: seed, rules: rules)
        if mesh.run(atMost: .seconds(30), until: { $0.allSee() }) == nil {
            mesh.faults.append("seed \(seed): the nodes didn't find each other")
        }
        return mesh
    }

    @Test func `100 000 ghosts of a hostile member stay few, are never online and vanish`() {
        var mostStored = 0
        for seed in Seeds.some(10, long: 200) {
            var rules = MembershipRules()
            if seed > 1 { rules.unverifiedLifetime = .seconds(60) }
            var mesh = settled(seed, rules: rules)
            let told = Told()
            let most = seed <= 3 ? 2000 : 100
            mesh.lie = { node, message in
                guard node == 3 else { return message }
                var lie = message
                lie.records = (0..<most).map { SimulatedRecord(id: "ghost\(told.count + $0)", sequence: 1, node: nil) }
                lie.members += lie.records.map { MemberSummary(id: $0.id, sequence: 1, status: .online) }
                told.count += most
                return lie
            }
            mesh.run(for: .seconds(30))
            #expect(seed > 3 || told.count >= 100_000)
            for node in mesh.running where node != 3 {
                let ghosts = self.ghosts(at: mesh.nodes[node].membership)
                #expect(!ghosts.isEmpty && ghosts.count <= rules.unverifiedPerIntroducer, "seed \(seed)")
                #expect(ghosts.allSatisfy { $0.status == .unverified }, "seed \(seed)")
                mostStored = max(mostStored, ghosts.count)
            }
            mesh.lie = nil
            mesh.run(for: rules.unverifiedLifetime + rules.period * 2)
            for node in mesh.running {
                #expect(ghosts(at: mesh.nodes[node].membership).isEmpty, "seed \(seed)")
            }
            #expect(mesh.allSee(), "seed \(seed)")
            #expect(mesh.faults == [])
        }
        print("ghosts stored at a node: at most \(mostStored)")
    }

    private func ghosts(at membership: SimulatedMembership) -> [PeerState] {
        membership.roster.filter { membership.record(of: $0)?.node == nil }.compactMap { membership.peer($0) }
    }

    @Test func `a node that stood still for an hour accuses nobody and asks first`() {
        var mesh = settled(1)
        mesh.nodes[0].membership = stoodStill(mesh.nodes[0].membership, at: mesh.clock(0) + .seconds(3600))
        #expect(mesh.nodes[0].membership.roster.count == 7)
    }

    private func stoodStill(_ before: SimulatedMembership, at time: Duration) -> SimulatedMembership {
        var membership = before
        var probes = 0
        for effect in membership.tick(at: time) {
            switch effect {
            case .probe: probes += 1
            case .changed, .forgot, .askToProbe: Issue.record("\(effect)")
            case .learned, .renewRecord: break
            }
        }
        #expect(probes > 0)
        return membership
    }

    @Test func `an own record at the last sequence asks for no higher one`() {
        let own = SimulatedRecord(id: "a", sequence: Int.max - 1, node: 0)
        let peer = SimulatedRecord(id: "b", sequence: 1, node: 1)
        var membership = SimulatedMembership(own: own, seed: 1, at: .zero)
        var last = own
        last.sequence = Int.max
        membership.add(peer, source: .registered, at: .zero)
        let message = SimulatedMembership.Message(
            own: peer, members: [MemberSummary(id: "a", sequence: Int.max, status: .offline)], records: [last])
        for effect in membership.tick(at: .zero) {
            if case .probe(let probe) = effect { membership.answered(probe.token, by: message, at: .zero) }
        }
        #expect(membership.peer("b")?.status == .online)
        for effect in membership.tick(at: .zero) {
            if case .renewRecord = effect { Issue.record("\(effect)") }
        }
    }

    @Test func `a bare number doesn't raise our sequence, our own signature does`() {
        let own = SimulatedRecord(id: "a", sequence: 4, node: 0)
        let peer = SimulatedRecord(id: "b", sequence: 1, node: 1)
        for (records, expected) in [([], []), ([SimulatedRecord(id: "a", sequence: 90, node: 0)], [90])] {
            var membership = SimulatedMembership(own: own, seed: 1, at: .zero)
            membership.add(peer, source: .registered, at: .zero)
            let message = SimulatedMembership.Message(
                own: peer, members: [MemberSummary(id: "a", sequence: 90, status: .offline)], records: records)
            for effect in membership.tick(at: .zero) {
                if case .probe(let probe) = effect { membership.answered(probe.token, by: message, at: .zero) }
            }
            let asked = membership.tick(at: .zero).compactMap { effect -> Int? in
                if case .renewRecord(let above) = effect { above } else { nil }
            }
            #expect(asked == expected)
        }
    }

    @Test func `an answer by somebody else or with an older record is no exchange`() {
        let peer = SimulatedRecord(id: "b", sequence: 5, node: 1)
        for own in [SimulatedRecord(id: "c", sequence: 9, node: 1), SimulatedRecord(id: "b", sequence: 4, node: 1)] {
            var membership = SimulatedMembership(
                own: SimulatedRecord(id: "a", sequence: 1, node: 0), seed: 1, at: .zero)
            membership.add(peer, source: .registered, at: .zero)
            for effect in membership.tick(at: .zero) {
                guard case .probe(let probe) = effect else { continue }
                let message = SimulatedMembership.Message(own: own, members: [], records: [])
                let counts = membership.answered(probe.token, by: message, at: .zero)
                #expect(!counts)
            }
            #expect(membership.peer("b")?.status == .unverified && membership.peer("b")?.sequence == 5)
            #expect(membership.roster == ["b"])
        }
    }

    /// How many ghosts the liar told of.
    private final class Told {
        var count = 0
    }

    @Test func `lies about life and death change no status and cost few probes and records`() {
        for seed in Seeds.some(10, long: 1000) {
            var mesh = settled(seed)
            mesh.crash(5)
            #expect(mesh.run(atMost: .seconds(60)) { $0.allSee(5, as: .offline) } != nil, "seed \(seed)")
            let start = mesh.now
            let sequences = mesh.nodes.map(\.membership.own.sequence)
            mesh.lie = { node, message in
                guard node == 3 else { return message }
                var lie = message
                lie.members = message.members.map {
                    MemberSummary(id: $0.id, sequence: $0.sequence, status: $0.id == "n5" ? .online : .offline)
                }
                return lie
            }
            mesh.run(for: .seconds(60))
            #expect(mesh.changes(since: start).total == 0, "seed \(seed)")
            for node in mesh.running {
                let renewals = mesh.nodes[node].membership.own.sequence - sequences[node]
                #expect(renewals <= 13, "seed \(seed): \(renewals) records in a minute")
            }
            #expect(mesh.faults == [])
        }
    }

    @Test func `a lying helper holds a dead peer up for a minute at most`() {
        for seed in Seeds.some(10, long: 300) {
            var mesh = settled(seed)
            mesh.crash(5)
            mesh.lyingHelper = 3
            let limit = mesh.rules.indirectTrust + .seconds(60)
            #expect(
                mesh.run(atMost: limit) { mesh in
                    mesh.running.allSatisfy { $0 == 3 || mesh.sees($0, 5) == .offline }
                } != nil, "seed \(seed)")
            #expect(mesh.faults == [])
        }
    }

    @Test func `a removed peer stays away though it lives, until it is registered again or its tombstone ends`() {
        for seed in Seeds.some(10, long: 300) {
            var rules = MembershipRules()
            rules.tombstoneLifetime = .seconds(120)
            var mesh = settled(seed, rules: rules)
            let record = mesh.record(4)
            mesh.nodes[1].membership.remove("n4", at: mesh.clock(1))
            mesh.nodes[2].membership.remove("n4", at: mesh.clock(2))
            mesh.wake(1)
            mesh.wake(2)
            mesh.renew(4)
            for _ in 0..<100 {
                mesh.run(for: .seconds(1))
                #expect(mesh.sees(1, 4) == nil && mesh.sees(2, 4) == nil, "seed \(seed)")
            }
            mesh.nodes[1].membership.add(record, source: .found, at: mesh.clock(1))
            #expect(mesh.sees(1, 4) == nil)
            mesh.nodes[1].membership.add(record, source: .registered, at: mesh.clock(1))
            mesh.wake(1)
            mesh.run(for: .seconds(5))
            #expect(mesh.sees(1, 4) == .online && mesh.sees(2, 4) == nil, "seed \(seed)")
            #expect(mesh.run(atMost: .seconds(60)) { $0.allSee() && $0.recordsAgree() } != nil, "seed \(seed)")
            #expect(mesh.faults == [])
        }
    }

    @Test func `a peer that is gone for good is forgotten everywhere and gossip doesn't bring it back`() {
        for seed in Seeds.some(10, long: 300) {
            var rules = MembershipRules()
            rules.forgetAfter = .seconds(200)
            rules.longestBackoff = .seconds(30)
            var mesh = settled(seed, rules: rules)
            mesh.crash(7)
            let time = mesh.run(atMost: .seconds(400)) { mesh in mesh.running.allSatisfy { mesh.sees($0, 7) == nil } }
            #expect(time != nil, "seed \(seed)")
            for _ in 0..<60 {
                mesh.run(for: .seconds(1))
                #expect(mesh.running.allSatisfy { mesh.sees($0, 7) == nil }, "seed \(seed)")
            }
            // Its own call ends that, whatever its sequence.
            mesh.restart(7, keepsState: false)
            #expect(mesh.run(atMost: .seconds(30)) { $0.allSee() } != nil, "seed \(seed)")
            #expect(mesh.faults == [])
        }
    }

    @Test func `a registered peer is never forgotten, and a node that lost its state outgrows its old record`() {
        for seed in Seeds.some(10, long: 300) {
            var rules = MembershipRules()
            rules.forgetAfter = .seconds(60)
            var mesh = settled(seed, rules: rules)
            for _ in 0..<5 { mesh.renew(0) }
            #expect(mesh.run(atMost: .seconds(10)) { $0.recordsAgree() } != nil, "seed \(seed)")
            mesh.crash(0)
            mesh.run(for: .seconds(100))
            #expect(mesh.running.allSatisfy { mesh.sees($0, 0) == .offline }, "seed \(seed)")
            mesh.restart(0, keepsState: false)
            #expect(mesh.record(0).sequence == 1)
            #expect(mesh.run(atMost: .seconds(60)) { $0.allSee() && $0.recordsAgree() } != nil, "seed \(seed)")
            #expect(mesh.record(0).sequence > 6, "seed \(seed)")
            #expect(mesh.faults == [])
        }
    }
}
