import Mesh

/// The record of a simulated node; one whose `node` is nil has no node behind it.
struct SimulatedRecord: MembershipRecord {
    var id: String
    var sequence: Int
    var node: Int?
}

typealias SimulatedMembership = Membership<SimulatedRecord>

/// Nodes that run the real ``Membership`` over a simulated network; one seed decides all.
///
/// It does what the driver does in production: carries effects out and reports. What must always hold is checked in
/// passing (`SimulatedMesh+Checks.swift`).
struct SimulatedMesh {
    struct Node {
        var membership: SimulatedMembership
        var isUp = true
        /// How often it started: what was sent to an earlier start is dropped.
        var boot = 0
        /// When it started, in simulated time: its own clock is 0 then.
        var started = Duration.zero
        /// When its next tick is due, and for when an event is queued that sees to it.
        var nextTick = Duration.zero
        var queuedTick: Duration?
        /// Whom it answers for its probes on request, by token.
        var helping: [Int: (asker: Int, boot: Int, token: Int)] = [:]
        var facts = Facts()
    }

    enum Body {
        case hello(token: Int, SimulatedMembership.Message)
        case answer(token: Int, SimulatedMembership.Message)
        case ask(token: Int, target: String)
        case word(token: Int, reached: Bool)
    }

    /// A class, so that the event queue moves references.
    final class Packet {
        let from: Int
        let to: Int
        /// The start of the node to which the exchange belongs: the asker's.
        let boot: Int
        let body: Body

        init(from: Int, to: Int, boot: Int, body: Body) {
            self.from = from
            self.to = to
            self.boot = boot
            self.body = body
        }
    }

    enum Event {
        case packet(Packet)
        case tick(node: Int, boot: Int)
        case helpTimeout(node: Int, boot: Int, token: Int)
        case action((inout SimulatedMesh) -> Void)
    }

    let seed: UInt64
    let rules: MembershipRules
    var random: SplitMix64
    var network: SimulatedNetwork
    var nodes: [Node] = []
    var now = Duration.zero
    /// Changes what a node says, if it lies.
    var lie: ((_ node: Int, _ message: SimulatedMembership.Message) -> SimulatedMembership.Message)?
    /// A node that claims to have reached whomever it is asked about.
    var lyingHelper: Int?
    /// Whatever was found wrong.
    var faults: [String] = []
    private var events = EventQueue<Event>()

    /// `count` nodes, of which all but the first know the first by registration.
    init(_ count: Int, seed: UInt64, rules: MembershipRules = MembershipRules()) {
        self.seed = seed
        self.rules = rules
        random = SplitMix64(seed: seed)
        network = SimulatedNetwork(seed: random.next())
        for node in 0..<count {
            nodes.append(Node(membership: fresh(node, sequence: 1)))
            if node > 0 { nodes[node].membership.add(record(0), source: .registered, at: .zero) }
            wake(node)
        }
    }

    static func id(_ node: Int) -> String { ids[node] }
    private static let ids = (0..<64).map { "n\($0)" }
    /// The node's newest record.
    func record(_ node: Int) -> SimulatedRecord { nodes[node].membership.own }
    /// The time by the node's own clock.
    func clock(_ node: Int) -> Duration { now - nodes[node].started }
    var running: [Int] { nodes.indices.filter { nodes[$0].isUp } }

    private mutating func fresh(_ node: Int, sequence: Int) -> SimulatedMembership {
        let own = SimulatedRecord(id: Self.id(node), sequence: sequence, node: node)
        return SimulatedMembership(own: own, rules: rules, seed: random.next(), at: .zero)
    }

    // MARK: What a test does

    mutating func schedule(in delay: Duration, _ action: @escaping (inout SimulatedMesh) -> Void) {
        events.push(.action(action), at: now + delay)
    }

    /// Lets `time` pass.
    mutating func run(for time: Duration) {
        let end = now + time
        while let next = events.nextTime, next <= end, let (time, event) = events.pop() {
            now = time
            handle(event)
        }
        now = end
    }

    /// Lets time pass until `condition` holds, looked at five times a second; how long it took, nil if over `limit`.
    mutating func run(atMost limit: Duration, until condition: (SimulatedMesh) -> Bool) -> Duration? {
        let start = now
        while !condition(self) {
            guard now - start < limit else { return nil }
            run(for: .milliseconds(200))
        }
        return now - start
    }

    mutating func crash(_ node: Int) {
        nodes[node].isUp = false
        nodes[node].boot += 1
    }

    /// Starts a crashed node again: with its record and the peers it had verified, or knowing only node 0 or 1.
    mutating func restart(_ node: Int, keepsState: Bool) {
        let before = nodes[node].membership
        var after = fresh(node, sequence: keepsState ? before.own.sequence + 1 : 1)
        if keepsState {
            for id in before.roster {
                guard let peer = before.peer(id), let record = before.record(of: id), peer.isVerified else { continue }
                after.add(record, source: peer.source == .registered ? .registered : .found, at: .zero)
            }
        } else {
            after.add(record(node == 0 ? 1 : 0), source: .registered, at: .zero)
        }
        nodes[node] = Node(membership: after, boot: nodes[node].boot, started: now)
        wake(node)
    }

    /// A node signs a new record, as when its address changes.
    mutating func renew(_ node: Int, above sequence: Int? = nil) {
        var record = record(node)
        record.sequence = max(record.sequence, sequence ?? 0) + 1
        nodes[node].membership.setOwn(record)
    }

    // MARK: The driver

    private mutating func handle(_ event: Event) {
        switch event {
        case .action(let action): action(&self)
        case .packet(let packet): if nodes[packet.to].isUp { deliver(packet) }
        case .tick(let node, let boot):
            guard nodes[node].boot == boot, nodes[node].isUp, nodes[node].queuedTick == now else { return }
            nodes[node].queuedTick = nil
            if nodes[node].nextTick <= now { wake(node) } else { queueTick(node) }
        case .helpTimeout(let node, let boot, let token):
            guard nodes[node].boot == boot, nodes[node].isUp, nodes[node].helping[token] != nil else { return }
            nodes[node].membership.failed(token, at: clock(node))
            endHelp(node, token, reached: false)
            wake(node)
        }
    }

    /// Ticks a node and carries its effects out.
    mutating func wake(_ node: Int) {
        for effect in nodes[node].membership.tick(at: clock(node)) { carryOut(effect, of: node) }
        let next = nodes[node].started + nodes[node].membership.nextTick
        // A driver's timer is never exact to the nanosecond; and this can't stand still in time.
        nodes[node].nextTick = max(next, now + .milliseconds(1))
        queueTick(node)
    }

    /// Queues a tick event, unless one is queued that comes soon enough to queue the next.
    private mutating func queueTick(_ node: Int) {
        let time = nodes[node].nextTick
        if let queued = nodes[node].queuedTick, queued <= time { return }
        nodes[node].queuedTick = time
        events.push(.tick(node: node, boot: nodes[node].boot), at: time)
    }

    private mutating func carryOut(_ effect: SimulatedMembership.Effect, of node: Int) {
        check(effect, of: node)
        switch effect {
        case .probe(let probe): send(hello: probe, from: node)
        case .askToProbe(let helper, let target, let token):
            send(.ask(token: token, target: target), from: node, to: helper.node, boot: nodes[node].boot)
        case .renewRecord(let above):
            renew(node, above: above)
        case .changed, .learned, .forgot: break
        }
    }

    private mutating func send(hello probe: SimulatedMembership.Probe, from node: Int) {
        let message = lie?(node, probe.message) ?? probe.message
        send(.hello(token: probe.token, message), from: node, to: probe.peer.node, boot: nodes[node].boot)
    }

    private mutating func send(_ body: Body, from: Int, to: Int?, boot: Int) {
        guard let to else { return }
        let packet = Packet(from: from, to: to, boot: boot, body: body)
        for time in network.arrivals(from: from, to: to, bytes: 1000, at: now) {
            events.push(.packet(packet), at: time)
        }
    }

    private mutating func deliver(_ packet: Packet) {
        let (node, time) = (packet.to, clock(packet.to))
        switch packet.body {
        case .hello(let token, let message):
            let answer = nodes[node].membership.receive(message, at: time)
            send(
                .answer(token: token, lie?(node, answer) ?? answer), from: node, to: packet.from, boot: packet.boot)
        case .answer(let token, let message):
            guard packet.boot == nodes[node].boot else { return }
            // One with an older record proves nothing: a replay, or state lost.
            if message.own.sequence >= nodes[node].membership.peer(message.own.id)?.sequence ?? 0 {
                nodes[node].facts.lastAnswer[message.own.id] = now
            }
            let counts = nodes[node].membership.answered(token, by: message, at: time)
            endHelp(node, token, reached: counts)
        case .ask(let token, let target):
            switch node == lyingHelper ? .reached : nodes[node].membership.help(target, at: time) {
            case .reached: send(.word(token: token, reached: true), from: node, to: packet.from, boot: packet.boot)
            case .refused: send(.word(token: token, reached: false), from: node, to: packet.from, boot: packet.boot)
            case .probe(let probe):
                nodes[node].helping[probe.token] = (packet.from, packet.boot, token)
                checkHelp(by: node)
                send(hello: probe, from: node)
                events.push(
                    .helpTimeout(node: node, boot: nodes[node].boot, token: probe.token),
                    at: now + rules.directTimeout)
            }
        case .word(let token, let reached):
            guard packet.boot == nodes[node].boot else { return }
            nodes[node].membership.helperAnswered(token, helper: Self.id(packet.from), reached: reached, at: time)
        }
        wake(node)
    }

    private mutating func endHelp(_ node: Int, _ token: Int, reached: Bool) {
        guard let help = nodes[node].helping.removeValue(forKey: token) else { return }
        send(.word(token: help.token, reached: reached), from: node, to: help.asker, boot: help.boot)
    }
}
