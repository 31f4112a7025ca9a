import Mesh

/// A network between numbered nodes that loses, delays, reorders and doubles packets, is cut, and is only so fast.
///
/// It moves nothing itself: it says when a packet arrives.
struct SimulatedNetwork {
    /// A direction between two nodes.
    struct Link: Hashable {
        let from: Int
        let to: Int
    }

    /// Bytes per second of a node's line; infinite unless said otherwise.
    struct Bandwidth {
        var upload = Double.infinity
        var download = Double.infinity
    }

    /// The chance that a packet gets lost.
    var loss = 0.0
    /// The chance that it arrives twice.
    var duplication = 0.0
    /// How long a packet of no length travels; a wide range reorders.
    var delay = Duration.milliseconds(1)...Duration.milliseconds(20)
    /// The chance that it comes late, and by how much at most.
    var straggling = 0.0
    var straggle = Duration.milliseconds(300)
    /// Directions in which nothing passes.
    var cuts: Set<Link> = []
    /// Nodes in different groups can't reach each other; those without a group are in group 0.
    var groups: [Int: Int] = [:]
    private(set) var random: SplitMix64

    private var bandwidths: [Int: Bandwidth] = [:]
    private var uploadFree: [Int: Duration] = [:]
    private var downloadFree: [Int: Duration] = [:]

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func limit(_ node: Int, to bandwidth: Bandwidth) { bandwidths[node] = bandwidth }

    /// Ends all faults that keep packets away; what a line still has to send stays.
    mutating func heal() {
        loss = 0
        duplication = 0
        straggling = 0
        cuts = []
        groups = [:]
    }

    func passes(from: Int, to: Int) -> Bool {
        !cuts.contains(Link(from: from, to: to)) && groups[from, default: 0] == groups[to, default: 0]
    }

    /// When the line of `node` has sent what it was given.
    func uploadFree(_ node: Int) -> Duration { uploadFree[node] ?? .zero }

    /// When a packet of `bytes` sent now has arrived in full: never, once or twice.
    ///
    /// Each line sends or takes one packet after the other, so a large transfer should come in pieces.
    mutating func arrivals(from: Int, to: Int, bytes: Int, at now: Duration) -> [Duration] {
        let sent = Self.occupy(&uploadFree[from], bytes, bandwidths[from]?.upload ?? .infinity, from: now)
        let isLost = Double.random(in: 0..<1, using: &random) < loss
        guard passes(from: from, to: to), !isLost else { return [] }
        var arrivals = [sent + travel()]
        if Double.random(in: 0..<1, using: &random) < duplication { arrivals.append(sent + travel()) }
        return arrivals.map {
            Self.occupy(&downloadFree[to], bytes, bandwidths[to]?.download ?? .infinity, from: $0)
        }
    }

    private mutating func travel() -> Duration {
        let span = delay.upperBound - delay.lowerBound
        let time = delay.lowerBound + span * Double.random(in: 0...1, using: &random)
        let isLate = Double.random(in: 0..<1, using: &random) < straggling
        return isLate ? time + straggle * Double.random(in: 0...1, using: &random) : time
    }

    /// When a line that is free at `free` has passed `bytes`; from then on it is free again.
    private static func occupy(
        _ free: inout Duration?, _ bytes: Int, _ bandwidth: Double, from now: Duration
    ) -> Duration {
        guard bandwidth.isFinite else { return now }
        let end = max(now, free ?? now) + .seconds(Double(bytes) / bandwidth)
        free = end
        return end
    }
}
