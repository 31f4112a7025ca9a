/// How own evidence moves a peer: unverified → online ⇄ suspect → offline → online or forgotten.
extension Membership {
    /// An own exchange with the peer succeeded; false if there is no room for another member.
    mutating func exchanged(_ id: String, at now: Duration) -> Bool {
        guard let peer = peers[id] else { return false }
        if !peer.isVerified, peer.source != .registered,
            peers.values.count(where: \.isVerified) >= rules.memberLimit
        {
            drop(id)
            return false
        }
        peers[id]?.failures = 0
        peers[id]?.lastExchange = now
        peers[id]?.unreached = nil
        peers[id]?.due = nil
        peers[id]?.isHurried = false
        set(id, .online, at: now)
        return true
    }

    /// Helpers reached the peer where our own probe didn't.
    mutating func heldUp(_ id: String, at now: Duration) {
        guard var peer = peers[id] else { return }
        let unreached = peer.unreached ?? now
        guard now - unreached <= rules.indirectTrust else {
            missed(id, at: now)
            return
        }
        peer.unreached = unreached
        // A suspect begins its suspicion anew; to be online takes an own exchange, which is tried again soon.
        peer.failures = peer.status == .suspect ? rules.suspectFailures : 0
        peer.due = now + (peer.status == .suspect ? rules.retryPause : rules.rumourInterval)
        peers[id] = peer
    }

    /// A probe failed, directly and through all helpers.
    mutating func missed(_ id: String, at now: Duration) {
        guard var peer = peers[id] else { return }
        peer.failures += 1
        peer.unreached = peer.unreached ?? now
        peer.due = now + rules.retryPause
        let enough = rules.suspectFailures + rules.offlineFailures
        var status = peer.status
        switch peer.status {
        case .online:
            if peer.failures >= rules.suspectFailures { status = .suspect }
        case .suspect:
            if peer.failures >= enough, now - peer.since >= rules.suspicion {
                status = .offline
                peer.failures = enough
                peer.due = now + backoff(0)
            }
        case .offline: peer.due = now + backoff(peer.failures - enough)
        case .unverified: peer.due = now + backoff(peer.failures - 1)
        }
        peers[id] = peer
        set(id, status, at: now)
        // Judged after a probe and not by the clock alone: a node that slept for a day asks before it forgets.
        let isGone = status == .offline || status == .unverified && !peer.isGuest
        if isGone, status == peer.status, peer.source != .registered, now - peer.since >= rules.forgetAfter {
            let until = now + rules.tombstoneLifetime
            bury(id, Tombstone(until: until, sequence: peer.sequence, isByHand: false))
            drop(id)
        }
    }

    /// The pause before try `number` (from 0), doubled each time and jittered downwards so that nodes don't keep step.
    private mutating func backoff(_ number: Int) -> Duration {
        let pause = rules.firstBackoff * (1 << max(0, min(number, 20)))
        return min(pause, rules.longestBackoff) * Double.random(in: 0.5...1, using: &random)
    }

    private mutating func set(_ id: String, _ status: PeerStatus, at now: Duration) {
        guard let peer = peers[id], peer.status != status else { return }
        peers[id]?.status = status
        peers[id]?.since = now
        effects.append(.changed(id: id, status: status))
    }
}
