/// Who is in the mesh and who of them lives: failure detection and gossip as rules without clock, network or disk.
///
/// SWIM (Das, Gupta and Motivala 2002: probes, helpers, suspicion, incarnation numbers), changed where others can't be
/// trusted. A status follows from own exchanges alone; what others say only brings our next probe forward. Every probe
/// is an exchange of two messages, and these carry the gossip.
///
/// Inputs (`receive`, `answered`, `failed`, `helperAnswered`, `add`, `remove`, ...) change the state; what is to be done
/// then comes out of ``tick(at:)``, which is due after every input and at ``nextTick``. `now` is the time since some
/// start by a monotonic clock.
///
/// - A peer removed by hand stays removed for `tombstoneLifetime`, whatever it or others send: it still lives and would
///   otherwise be back with its next probe. Only registering it again brings it back.
/// - A peer forgotten because it was offline for `forgetAfter` comes back when it calls us itself, when it is found
///   anew, or when others show a newer record of it.
package struct Membership<Record: MembershipRecord>: Sendable {
    /// What the owner is to do.
    package enum Effect: Sendable {
        /// Send the message to the peer; report with `answered` or `failed`. The second try has the same token.
        case probe(Probe)
        /// Ask `helper` to probe `target`; report with `helperAnswered`, an unreachable helper as `reached: false`.
        case askToProbe(helper: Record, target: String, probe: Int)
        /// Sign an own record with a sequence above this one and hand it to `setOwn`.
        case renewRecord(above: Int)
        /// Our view of a peer changed.
        case changed(id: String, status: PeerStatus)
        /// A record of another node is new here or replaced an older one.
        case learned(Record)
        /// The peer is no longer known.
        case forgot(id: String)
    }

    /// An exchange that this node begins.
    package struct Probe: Sendable {
        /// Names the probe in reports.
        package let token: Int
        /// The newest known record of the peer, with its address.
        package let peer: Record
        package let message: Message
    }

    package let rules: MembershipRules
    /// This node's own record.
    package private(set) var own: Record
    /// The latest time that was passed in.
    var clock: Duration
    var random: SplitMix64
    var peers: [String: PeerState] = [:]
    var records: [String: Record] = [:]
    /// The ids of all known peers in the order of their coming (a dictionary's would differ from run to run).
    package internal(set) var roster: [String] = []
    /// Whom this round of probes has still to visit.
    var round: [String] = []
    var flights: [Int: Flight] = [:]
    var lastToken = 0
    var tombstones: [String: Tombstone] = [:]
    var nextPeriod: Duration
    /// How many own probes this period has started.
    var started = 0
    var renewal: (asked: Duration, above: Int)?
    var effects: [Effect] = []

    /// A node that knows only itself.
    package init(own: Record, rules: MembershipRules = MembershipRules(), seed: UInt64, at now: Duration) {
        self.own = own
        self.rules = rules
        random = SplitMix64(seed: seed)
        clock = now
        nextPeriod = now
    }

    /// What is known of the peer `id`.
    package func peer(_ id: String) -> PeerState? { peers[id] }

    /// The newest known record of the peer `id`.
    package func record(of id: String) -> Record? { records[id] }

    /// Takes this node's new record; one that isn't newer or isn't its own is ignored.
    package mutating func setOwn(_ record: Record) {
        guard record.id == own.id, record.sequence > own.sequence else { return }
        own = record
    }

    /// Makes a peer known and its first probe due at once; whether it is known now.
    @discardableResult
    package mutating func add(_ record: Record, source: PeerSource, at now: Duration) -> Bool {
        let isIntroduced = if case .introduced = source { true } else { false }
        guard record.id != own.id else { return false }
        if peers[record.id] != nil {
            update(record, at: now)
            if !isIntroduced {
                if peers[record.id]?.source != .registered { peers[record.id]?.source = source }
                if peers[record.id]?.status != .online { hurry(record.id, at: now) }
            }
            return true
        }
        if let tombstone = tombstones[record.id], tombstone.until > now {
            switch source {
            case .registered: break
            case .found, .introduced(by: nil): if tombstone.isByHand { return false }
            case .introduced: if tombstone.isByHand || record.sequence <= tombstone.sequence { return false }
            }
        }
        if isIntroduced {
            let guests = peers.values.lazy.filter(\.isGuest)
            guard guests.count < rules.unverifiedLimit,
                guests.filter({ $0.source == source }).count < rules.unverifiedPerIntroducer
            else { return false }
        }
        tombstones[record.id] = nil
        peers[record.id] = PeerState(sequence: record.sequence, source: source, at: now)
        records[record.id] = record
        roster.append(record.id)
        effects.append(.learned(record))
        return true
    }

    /// Removes a peer by hand; gossip and its own calls don't bring it back while its tombstone stands.
    ///
    /// It needn't be known: so tombstones are raised again after a restart.
    package mutating func remove(_ id: String, at now: Duration) {
        let sequence = peers[id]?.sequence ?? 0
        bury(id, Tombstone(until: now + rules.tombstoneLifetime, sequence: sequence, isByHand: true))
        drop(id)
    }

    mutating func bury(_ id: String, _ tombstone: Tombstone) {
        tombstones[id] = tombstone
        if tombstones.count > rules.tombstoneLimit,
            let first = tombstones.min(by: { ($0.value.until, $0.key) < ($1.value.until, $1.key) })
        {
            tombstones[first.key] = nil
        }
    }

    mutating func drop(_ id: String) {
        guard peers.removeValue(forKey: id) != nil else { return }
        records[id] = nil
        roster.removeAll { $0 == id }
        round.removeAll { $0 == id }
        flights = flights.filter { $0.value.target != id }
        for other in roster { peers[other]?.held?[id] = nil }
        effects.append(.forgot(id: id))
    }

    /// Stores a newer record of a known peer; one that isn't online is looked at, for it may be back.
    mutating func update(_ record: Record, at now: Duration) {
        guard let known = peers[record.id], record.sequence > known.sequence else { return }
        records[record.id] = record
        peers[record.id]?.sequence = record.sequence
        peers[record.id]?.learned = now
        effects.append(.learned(record))
        if known.status != .online { hurry(record.id, at: now) }
    }

    /// Brings the next probe of a peer forward to now, unless that was done a moment ago.
    mutating func hurry(_ id: String, at now: Duration) {
        guard let peer = peers[id], peer.hurried.map({ now - $0 >= rules.rumourInterval }) ?? true else { return }
        let due = min(peer.due ?? now, now)
        peers[id]?.hurried = now
        peers[id]?.isHurried = true
        peers[id]?.due = due
    }

    /// Asks for a new own record above `sequence`: at once on proof of a higher one, else only now and then.
    mutating func renew(above sequence: Int, at now: Duration) {
        guard sequence >= own.sequence, sequence < Int.max else { return }
        if let renewal, now - renewal.asked < rules.renewalInterval {
            guard sequence > own.sequence, sequence > renewal.above else { return }
        }
        renewal = (now, sequence)
        effects.append(.renewRecord(above: sequence))
    }
}
