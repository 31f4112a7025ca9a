/// How long chunks take, and so from when on one is overdue.
package struct ChunkPace: Sendable {
    /// However fast they come: a short stop of a line is no reason to ask somebody else too.
    private static let least = Duration.seconds(4)
    /// How much longer than usual one takes that is overdue.
    private static let factor = 3.0

    private var usual = Duration.zero

    package init() {}

    /// A chunk has come; the usual time follows slowly (an exponential mean over about eight).
    package mutating func took(_ time: Duration) { usual += (time - usual) / 8 }

    /// After which an answer counts as overdue.
    package var overdue: Duration { max(Self.least, usual * Self.factor) }
}
