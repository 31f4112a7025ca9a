/// What a node knows of a peer besides its record.
///
/// It and the next two stand outside the generic ``Membership`` so that its loops over them are compiled once and fast.
package struct PeerState: Sendable {
    /// The sequence of the record that is held.
    package internal(set) var sequence: Int
    package internal(set) var status = PeerStatus.unverified
    package internal(set) var source: PeerSource
    /// When it took its status.
    package internal(set) var since: Duration
    /// When an own exchange with it last succeeded.
    package internal(set) var lastExchange: Duration?
    /// How many own probes failed since then.
    package internal(set) var failures = 0
    /// Since when own probes don't reach it; nil if the last one did.
    var unreached: Duration?
    /// When its record was learned.
    var learned: Duration
    /// When a probe is due apart from the round.
    var due: Duration?
    /// Whether others' news made it due, and when they last did.
    var isHurried = false
    var hurried: Duration?
    /// Whether an own probe of it is open.
    var isProbed = false
    /// Which sequence of which peer it held by its last message; nil before the first.
    var held: [String: Int]?

    init(sequence: Int, source: PeerSource, at now: Duration) {
        self.sequence = sequence
        self.source = source
        since = now
        learned = now
        due = now
    }

    /// Whether an own exchange ever succeeded.
    package var isVerified: Bool { status != .unverified }
    /// Whether nothing but others' word speaks for its existence.
    var isGuest: Bool {
        if case .introduced = source { return status == .unverified }
        return false
    }
}

/// A probe that is open.
struct Flight: Sendable {
    let target: String
    /// Whether another node asked for it: it then says nothing about failure here.
    let isHelp: Bool
    let isGuest: Bool
    var deadline: Duration
    /// The helpers asked; nil before the direct probe failed.
    var helpers: [String]?
}

/// Keeps a removed or forgotten peer away.
struct Tombstone: Sendable {
    let until: Duration
    let sequence: Int
    let isByHand: Bool
}
