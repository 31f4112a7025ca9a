/// What a node says of itself, signed by it: in production a verified descriptor.
package protocol MembershipRecord: Sendable {
    /// The node's lasting name.
    var id: String { get }
    /// Which of the node's records this is: the higher replaces the lower. Also SWIM's incarnation number.
    var sequence: Int { get }
}

/// What a node thinks of a peer, out of its own exchanges with it.
package enum PeerStatus: String, Sendable {
    /// No exchange with it has succeeded since this node started.
    case unverified
    /// The last probes found it.
    case online
    /// Several probes in a row reached it neither directly nor through helpers.
    case suspect
    /// It stayed suspect until its time ran out.
    case offline
}

/// How a node came to know a peer.
package enum PeerSource: Sendable, Hashable {
    /// Registered by hand: never forgotten, only removed.
    case registered
    /// Found by this node: its own discovery, or its store from before a restart.
    case found
    /// Told by another peer in an answer, or (nil) by a request that the peer sent itself.
    case introduced(by: String?)
}

/// A line in a message: the sender holds the record `sequence` of `id` and thinks `status` of it.
package struct MemberSummary: Sendable, Hashable {
    package var id: String
    package var sequence: Int
    package var status: PeerStatus

    package init(id: String, sequence: Int, status: PeerStatus) {
        self.id = id
        self.sequence = sequence
        self.status = status
    }
}
