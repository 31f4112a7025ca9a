import Synchronization

/// Bytes of weights that went to each peer and came from it, since the start.
public final class MeshTraffic: Sendable {
    /// Both directions.
    public struct Bytes: Sendable {
        /// Sent to the peer.
        public var sent = 0
        /// Received from it and verified.
        public var received = 0
    }

    private let bytes = Mutex<[String: Bytes]>([:])

    /// Nothing yet.
    public init() {}

    /// The bytes by the peer's id; requests that name none, or one that isn't known, count as `other`.
    public var byPeer: [String: Bytes] { bytes.withLock { $0 } }

    /// Adds what was sent.
    public func sent(_ count: Int, to peer: String) { bytes.withLock { $0[peer, default: Bytes()].sent += count } }

    /// Adds what was received.
    func received(_ count: Int, from peer: String) { bytes.withLock { $0[peer, default: Bytes()].received += count } }
}
