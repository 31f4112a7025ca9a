/// The times and bounds of ``Membership``.
///
/// The defaults come from the simulator: with 30 % of all packets lost, no node of 8 or 64 calls a living one offline.
package struct MembershipRules: Sendable {
    /// SWIM's protocol period: one peer of the round is probed in each (jittered by a tenth).
    package var period = Duration.seconds(1)
    /// How long a probe waits for its answer before helpers are asked.
    package var directTimeout = Duration.milliseconds(600)
    /// How long the helpers may then take; the direct probe is tried again meanwhile, and a late answer counts.
    package var indirectTimeout = Duration.seconds(1)
    /// How many helpers are asked (SWIM's k).
    package var helperCount = 3
    /// How many probes in a row must fail before an online peer is suspect.
    package var suspectFailures = 2
    /// How many more must fail before a suspect is offline...
    package var offlineFailures = 8
    /// ...and how long it is suspect at least.
    package var suspicion = Duration.seconds(10)
    /// The pause between failed probes of an online or suspect peer.
    package var retryPause = Duration.milliseconds(400)
    /// The pause after the first failed probe of an offline or unverified peer; each further one doubles it...
    package var firstBackoff = Duration.seconds(2)
    /// ...up to this.
    package var longestBackoff = Duration.seconds(300)
    /// How often at most others' news may bring forward the probe of one peer.
    package var rumourInterval = Duration.seconds(5)
    /// How often at most accusations may make this node renew its record.
    package var renewalInterval = Duration.seconds(5)
    /// How long helpers' word can hold up a peer that we don't reach, lest a lying helper keep the dead alive.
    package var indirectTrust = Duration.seconds(60)
    /// How long an introduced peer may stay unverified.
    package var unverifiedLifetime = Duration.seconds(600)
    /// How long a peer stays offline before it is forgotten.
    package var forgetAfter = Duration.seconds(86_400)
    /// How long a removed or forgotten peer is kept from coming back by gossip.
    package var tombstoneLifetime = Duration.seconds(86_400)
    /// A tick later than this means that this node stood still: its open probes are dropped without a verdict.
    package var stall = Duration.seconds(5)

    /// How many own probes may be open at a time.
    package var probesInFlight = 8
    /// How many own probes may start in one period.
    package var probesPerPeriod = 8
    /// How many probes for others may be open at a time.
    package var helpInFlight = 8
    /// How many verified members are kept, and listed or read in a message.
    package var memberLimit = 256
    /// How many records a message carries, and how many of it are read.
    package var recordsPerMessage = 16
    /// How many unverified peers one introducer may have here; those that came by themselves share one such share.
    package var unverifiedPerIntroducer = 32
    /// How many introduced peers may be unverified in all.
    package var unverifiedLimit = 256
    /// How many tombstones are kept; beyond, the one that ends soonest goes.
    package var tombstoneLimit = 1024

    package init() {}

    /// How long an answer to a direct probe still counts: the deadline for the request that carries it.
    package var probeTimeout: Duration { directTimeout + indirectTimeout }
}
