import Mesh
import ModelStore

/// Nodes that bring in one model by the production's ``ChunkPlan`` over a simulated network and simulated disks.
///
/// Node 0 has all of it at the start. A source sends to all that ask it in turns, a piece each, as connections share a line.
struct SimulatedSwarm {
    /// What the bytes of a chunk are, as far as it matters.
    enum Content: Equatable {
        case missing, right, wrong
    }

    struct Node {
        var disk: [Content]
        /// The chunks that are offered: those whose bytes were right when they came.
        var have: ChunkSet
        var plan: ChunkPlan
        var pace = ChunkPace()
        var isUp = true
        var isLiar = false
        /// Writes that fail from now on, as on a full disk.
        var failingWrites = 0
        var asked: [Int: Duration] = [:]
        /// Requests without an answer, and looks at the sources in this life.
        var open: Set<Request> = []
        var ticks = 0
        var completed: Duration?
        /// Counts restarts: what was under way before one is void after it.
        var life = 0
        /// Whom it sends to, in turns.
        var sending: [Transfer] = []
        var isSending = false
        var sentBytes = 0
        /// The chunks in the order of their coming.
        var arrived: [Int] = []
    }

    struct Request: Hashable {
        let chunk: Int
        let source: Int
    }

    struct Transfer {
        let chunk: Int
        let to: Int
        let life: Int
        var left: Int
    }

    enum Event {
        case tick(node: Int)
        case questionArrives(at: Int, from: Int, life: Int)
        /// Apart, as its bits would make all events large that the queue moves about.
        indirect case possessionArrives(at: Int, of: Int, ChunkSet, coming: ChunkSet, life: Int)
        case requestArrives(at: Int, from: Int, chunk: Int, life: Int)
        case refusalArrives(at: Int, from: Int, chunk: Int, life: Int)
        case chunkArrives(at: Int, from: Int, chunk: Int, Content, life: Int)
        case lineIsFree(node: Int, life: Int)
        case action((inout SimulatedSwarm) -> Void)
    }

    static let chunkBytes = ModelManifest.chunkBytes
    private static let pieceBytes = 128 << 10

    let chunkCount: Int
    var network: SimulatedNetwork
    private(set) var nodes: [Node] = []
    private(set) var now = Duration.zero
    private var events = EventQueue<Event>()
    private var random: SplitMix64
    private(set) var faults: [String] = []

    init(nodes count: Int, chunks: Int, seed: UInt64) {
        chunkCount = chunks
        network = SimulatedNetwork(seed: seed)
        random = SplitMix64(seed: seed &+ 0x5EED)
        for node in 0..<count {
            let isOrigin = node == 0
            let have = ChunkSet(chunkCount: chunks, isFull: isOrigin)
            nodes.append(
                Node(
                    disk: [Content](repeating: isOrigin ? .right : .missing, count: chunks), have: have,
                    plan: ChunkPlan(ownID: Self.id(node), have: have, random: &random),
                    completed: isOrigin ? .zero : nil))
            if !isOrigin { schedule(.tick(node: node), in: .milliseconds(Int.random(in: 0..<100, using: &random))) }
        }
    }

    static func id(_ node: Int) -> String { "node \(node)" }
    private static func number(_ id: String) -> Int { Int(id.dropFirst("node ".count)) ?? 0 }

    mutating func schedule(_ event: Event, in pause: Duration) { events.push(event, at: now + pause) }

    /// Lets a line of `node` pass so many bytes a second, both ways.
    mutating func limit(_ node: Int, _ bytesPerSecond: Double) {
        network.limit(node, to: .init(upload: bytesPerSecond, download: bytesPerSecond))
    }

    mutating func makeLiar(_ node: Int) {
        nodes[node].isLiar = true
        nodes[node].have = ChunkSet(chunkCount: chunkCount, isFull: true)
    }

    mutating func failWrites(_ node: Int, _ count: Int) { nodes[node].failingWrites = count }

    /// Ends a node as `kill -9` does; what it was writing is torn.
    mutating func crash(_ node: Int) {
        nodes[node].isUp = false
        nodes[node].life += 1
        nodes[node].sending = []
        nodes[node].isSending = false
        // Torn: the bytes lie on the disk in part, and no bit says that they are there.
        if let torn = (0..<chunkCount).first(where: { nodes[node].disk[$0] == .missing }) {
            nodes[node].disk[torn] = .wrong
        }
    }

    /// Starts a node again with what its disk holds, which it hashes first.
    mutating func restart(_ node: Int) {
        guard !nodes[node].isUp else { return }
        var have = ChunkSet(chunkCount: chunkCount)
        for chunk in 0..<chunkCount where nodes[node].have.contains(chunk) && nodes[node].disk[chunk] == .right {
            have.insert(chunk)
        }
        nodes[node].isUp = true
        nodes[node].have = have
        nodes[node].asked = [:]
        nodes[node].open = []
        nodes[node].ticks = 0
        nodes[node].plan = ChunkPlan(ownID: Self.id(node), have: have, random: &random)
        schedule(.tick(node: node), in: .milliseconds(1))
    }

    /// Runs until all honest nodes have the model, those that are down now too, or until `limit`.
    mutating func run(until limit: Duration) {
        while let time = events.nextTime, time <= limit, let event = events.pop() {
            now = event.time
            handle(event.event)
            if nodes.allSatisfy({ $0.isLiar || $0.completed != nil }) { return }
        }
    }

    private func isCurrent(_ node: Int, _ life: Int) -> Bool { nodes[node].isUp && nodes[node].life == life }

    private mutating func handle(_ event: Event) {
        switch event {
        case .tick(let node): tick(node)
        case .questionArrives(let node, let from, let life):
            guard nodes[node].isUp else { return }
            let (have, coming) = (nodes[node].have, coming(of: node))
            send(from: node, to: from, bytes: 200 + 2 * chunkCount / 8) {
                .possessionArrives(at: from, of: node, have, coming: coming, life: life)
            }
        case .possessionArrives(let node, let source, let have, let coming, let life):
            guard isCurrent(node, life) else { return }
            nodes[node].plan.update(Self.id(source), has: have, coming: coming)
            nodes[node].plan.forgive(Self.id(source))
            ask(node)
        case .requestArrives(let node, let from, let chunk, let life): serve(node, from, chunk, life)
        case .refusalArrives(let node, let from, let chunk, let life):
            guard isCurrent(node, life), nodes[node].open.remove(Request(chunk: chunk, source: from)) != nil else {
                return
            }
            nodes[node].plan.failed(chunk, from: Self.id(from), .refused)
        case .chunkArrives(let node, let from, let chunk, let content, let life):
            guard isCurrent(node, life), nodes[node].open.remove(Request(chunk: chunk, source: from)) != nil else {
                return
            }
            take(node, from, chunk, content)
        case .lineIsFree(let node, let life):
            guard isCurrent(node, life) else { return }
            nodes[node].isSending = false
            sendPiece(node)
        case .action(let action): action(&self)
        }
    }

    /// What a node says it has coming; a liar says what would keep others from the first chunks.
    private func coming(of node: Int) -> ChunkSet {
        guard nodes[node].isLiar else { return nodes[node].plan.coming }
        var claim = ChunkSet(chunkCount: chunkCount)
        for chunk in 0..<ChunkPlan.windowAlone { claim.insert(chunk) }
        return claim
    }

    private mutating func send(from: Int, to: Int, bytes: Int, _ event: () -> Event) {
        for arrival in network.arrivals(from: from, to: to, bytes: bytes, at: now) { events.push(event(), at: arrival) }
    }

    private mutating func tick(_ node: Int) {
        guard nodes[node].isUp, nodes[node].completed == nil, !nodes[node].isLiar else { return }
        let life = nodes[node].life
        nodes[node].ticks += 1
        for other in nodes.indices where other != node && nodes[node].plan.wantsNews(of: Self.id(other)) {
            send(from: node, to: other, bytes: 200) { .questionArrives(at: other, from: node, life: life) }
        }
        for (chunk, since) in nodes[node].asked {
            if now - since > nodes[node].pace.overdue { nodes[node].plan.isOverdue(chunk) }
        }
        nodes[node].asked = nodes[node].asked.filter { nodes[node].plan.isAsked($0.key) }
        ask(node)
        schedule(.tick(node: node), in: SwarmPull.possessionInterval)
    }

    private mutating func ask(_ node: Int) {
        // As in production, the first question waits for the first answers.
        guard nodes[node].completed == nil, !nodes[node].isLiar, nodes[node].ticks > 1 else { return }
        let life = nodes[node].life
        while let (chunk, source) = nodes[node].plan.nextRequest() {
            let other = Self.number(source)
            let request = Request(chunk: chunk, source: other)
            nodes[node].open.insert(request)
            if nodes[node].asked[chunk] == nil { nodes[node].asked[chunk] = now }
            send(from: node, to: other, bytes: 300) {
                .requestArrives(at: other, from: node, chunk: chunk, life: life)
            }
            // A connection on which nothing comes ends.
            let lost = SwarmPull.silence
            schedule(
                .action { swarm in
                    guard swarm.isCurrent(node, life), swarm.nodes[node].open.remove(request) != nil else { return }
                    swarm.nodes[node].plan.failed(chunk, from: source, .broken)
                }, in: lost + .milliseconds(1))
        }
    }

    private mutating func serve(_ node: Int, _ from: Int, _ chunk: Int, _ life: Int) {
        guard nodes[node].isUp else { return }
        guard nodes[node].have.contains(chunk) else {
            return send(from: node, to: from, bytes: 200) {
                .refusalArrives(at: from, from: node, chunk: chunk, life: life)
            }
        }
        if !nodes[node].isLiar, nodes[node].disk[chunk] != .right {
            faults.append("\(Self.id(node)) serves unverified bytes")
        }
        nodes[node].sending.append(Transfer(chunk: chunk, to: from, life: life, left: Self.chunkBytes))
        sendPiece(node)
    }

    private mutating func sendPiece(_ node: Int) {
        guard !nodes[node].isSending, !nodes[node].sending.isEmpty else { return }
        var transfer = nodes[node].sending.removeFirst()
        // Who has gone takes nothing any more.
        guard isCurrent(transfer.to, transfer.life) else { return sendPiece(node) }
        let bytes = min(Self.pieceBytes, transfer.left)
        transfer.left -= bytes
        nodes[node].sentBytes += bytes
        let arrivals = network.arrivals(from: node, to: transfer.to, bytes: bytes, at: now)
        if transfer.left > 0 {
            nodes[node].sending.append(transfer)
        } else if let arrival = arrivals.first {
            events.push(
                .chunkArrives(
                    at: transfer.to, from: node, chunk: transfer.chunk, nodes[node].isLiar ? .wrong : .right,
                    life: transfer.life), at: arrival)
        }
        nodes[node].isSending = true
        events.push(.lineIsFree(node: node, life: nodes[node].life), at: max(now, network.uploadFree(node)))
    }

    private mutating func take(_ node: Int, _ from: Int, _ chunk: Int, _ content: Content) {
        guard content == .right else {
            nodes[node].plan.failed(chunk, from: Self.id(from), .lied)
            return ask(node)
        }
        guard nodes[node].failingWrites == 0 else {
            // A full disk ends the pull; somebody makes room and starts it again.
            nodes[node].failingWrites -= 1
            crash(node)
            return schedule(.action { $0.restart(node) }, in: .seconds(1))
        }
        nodes[node].disk[chunk] = .right
        if nodes[node].have.insert(chunk) { nodes[node].arrived.append(chunk) }
        if let since = nodes[node].asked[chunk] { nodes[node].pace.took(now - since) }
        nodes[node].plan.arrived(chunk, from: Self.id(from))
        if nodes[node].plan.isComplete, nodes[node].completed == nil { nodes[node].completed = now }
        ask(node)
    }
}
