import Mesh

/// What must hold at every step of every run.
extension SimulatedMesh {
    /// What the simulator itself knows of a node's start, apart from what the node thinks.
    struct Facts {
        /// When an answer of a peer last reached it.
        var lastAnswer: [String: Duration] = [:]
        var status: [String: PeerStatus] = [:]
        /// When the statuses changed, and to what.
        var changes: [(time: Duration, id: String, status: PeerStatus)] = []
        /// When the last own probes started, oldest first, and the token of the last.
        var probes: [Duration] = []
        var lastToken = 0
        /// When the last probe of a peer without a node behind it started.
        var lastGhostProbe: Duration?
        /// The most unverified peers at any time, and how many different ghosts were ever stored.
        var mostUnverified = 0
        var ghostsLearned = 0
    }

    mutating func fault(_ text: String, of node: Int) {
        faults.append("seed \(seed), \(now.inSeconds) s, node \(node): \(text)")
    }

    mutating func check(_ effect: SimulatedMembership.Effect, of node: Int) {
        switch effect {
        case .changed(let id, let status): check(status, of: id, at: node)
        case .probe(let probe): check(probe, by: node)
        case .forgot(let id): nodes[node].facts.status[id] = nil
        case .learned(let record):
            if record.node == nil { nodes[node].facts.ghostsLearned += 1 }
            let membership = nodes[node].membership
            let guests = membership.roster.count { membership.peer($0)?.status == .unverified }
            nodes[node].facts.mostUnverified = max(nodes[node].facts.mostUnverified, guests)
            if guests > rules.unverifiedLimit + nodes.count { fault("\(guests) unverified peers", of: node) }
        case .askToProbe, .renewRecord: break
        }
    }

    private mutating func check(_ status: PeerStatus, of id: String, at node: Int) {
        let before = nodes[node].facts.status[id] ?? .unverified
        switch status {
        case .unverified: fault("\(id) became unverified", of: node)
        case .online:
            // The very answer that made it online was delivered at this instant.
            if nodes[node].facts.lastAnswer[id] != now { fault("\(id) online without an exchange", of: node) }
        case .suspect: if before != .online { fault("\(id) suspect after \(before)", of: node) }
        case .offline:
            if before != .suspect { fault("\(id) offline after \(before)", of: node) }
            if let last = nodes[node].facts.lastAnswer[id], now - last < rules.suspicion {
                fault("\(id) offline though it answered \(now - last) ago", of: node)
            }
        }
        nodes[node].facts.status[id] = status
        nodes[node].facts.changes.append((now, id, status))
    }

    private mutating func check(_ probe: SimulatedMembership.Probe, by node: Int) {
        if probe.message.members.count > rules.memberLimit || probe.message.records.count > rules.recordsPerMessage {
            fault("a message over its bounds", of: node)
        }
        let isSecondTry = probe.token <= nodes[node].facts.lastToken
        guard !isSecondTry else { return }
        nodes[node].facts.lastToken = probe.token
        // Periods are jittered by a tenth, so 0.9 of one meets the budgets of two at most.
        nodes[node].facts.probes.removeAll { now - $0 > rules.period * 0.9 }
        nodes[node].facts.probes.append(now)
        let burst = nodes[node].facts.probes.count
        if burst > 2 * rules.probesPerPeriod { fault("\(burst) probes in a period", of: node) }
        guard probe.peer.node == nil else { return }
        if let last = nodes[node].facts.lastGhostProbe, now - last < rules.directTimeout {
            fault("two probes of ghosts at a time", of: node)
        }
        nodes[node].facts.lastGhostProbe = now
    }

    mutating func checkHelp(by node: Int) {
        let open = nodes[node].helping.count
        if open > rules.helpInFlight { fault("\(open) probes for others at a time", of: node) }
    }

    // MARK: What tests wait for

    /// Whether every running node has every other one as `status`.
    func allSee(_ status: PeerStatus = .online) -> Bool {
        running.allSatisfy { node in running.allSatisfy { $0 == node || sees(node, $0) == status } }
    }

    /// Whether every running node holds the newest record of every other one.
    func recordsAgree() -> Bool {
        running.allSatisfy { other in
            let sequence = record(other).sequence
            return running.allSatisfy { node in
                other == node || nodes[node].membership.peer(Self.id(other))?.sequence == sequence
            }
        }
    }

    func sees(_ node: Int, _ other: Int) -> PeerStatus? { nodes[node].membership.peer(Self.id(other))?.status }

    /// Whether every running node but itself has `other` as `status`.
    func allSee(_ other: Int, as status: PeerStatus) -> Bool {
        running.allSatisfy { $0 == other || sees($0, other) == status }
    }

    /// The most status changes that a node saw in any whole minute since `start`, and their sum over the nodes.
    func changes(since start: Duration) -> (mostPerMinute: Int, total: Int) {
        var most = 0
        var total = 0
        for node in nodes {
            let times = node.facts.changes.map(\.time).filter { $0 >= start }
            total += times.count
            var first = 0
            for (last, time) in times.enumerated() {
                while time - times[first] > .seconds(60) { first += 1 }
                most = max(most, last - first + 1)
            }
        }
        return (most, total)
    }
}
