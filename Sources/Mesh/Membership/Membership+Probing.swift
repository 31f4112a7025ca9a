extension Membership {
    /// What a node answers to a request for help.
    package enum Help: Sendable {
        /// It knows already.
        case reached
        /// Send this probe, report it with `answered` or `failed`, and say whether it was answered in time.
        case probe(Probe)
        /// It doesn't know the target or is busy.
        case refused
    }

    /// When ``tick(at:)`` is due next, unless an input comes first.
    package var nextTick: Duration {
        var next = nextPeriod
        var own = 0
        var guests = 0
        for flight in flights.values {
            next = min(next, flight.deadline)
            if !flight.isHelp { own += 1 }
            if flight.isGuest { guests += 1 }
        }
        if own < rules.probesInFlight, started < rules.probesPerPeriod {
            for peer in peers.values where !peer.isProbed && !(peer.isGuest && guests > 0) {
                if let due = peer.due, due < next { next = due }
            }
        }
        return max(next, clock)
    }

    /// Lets time pass and says what is to be done, in this order.
    package mutating func tick(at time: Duration) -> [Effect] {
        let now = max(time, clock)
        if now - clock > rules.stall { dropFlights(at: now) }
        clock = now
        for (token, flight) in flights.sorted(by: { $0.key < $1.key }) where flight.deadline <= now {
            if flight.helpers == nil { failed(token, at: now) } else { finish(token, at: now) }
        }
        if now >= nextPeriod { beginPeriod(at: now) }
        startDue(at: now)
        defer { effects = [] }
        return effects
    }

    /// Takes the answer to a probe; whether it counts as an exchange.
    @discardableResult
    package mutating func answered(_ token: Int, by message: Message, at now: Duration) -> Bool {
        guard let flight = flights[token], let peer = peers[flight.target] else { return false }
        guard message.own.id == flight.target else {
            failed(token, at: now)
            return false
        }
        let held = heldSequences(message)
        peers[flight.target]?.held = held
        // An older record is a replay, or the peer lost its state: the next message shows it its newer one.
        guard message.own.sequence >= peer.sequence else {
            failed(token, at: now)
            return false
        }
        close(token)
        update(message.own, at: now)
        guard exchanged(flight.target, at: now) else { return false }
        read(message, introducer: flight.target, at: now)
        return true
    }

    /// Takes the news that a probe can't be answered: refused, cut, nonsense. Silence needs no report.
    ///
    /// Helpers are asked to probe an online or suspect peer, and we ourselves try again meanwhile.
    package mutating func failed(_ token: Int, at now: Duration) {
        guard var flight = flights[token], flight.helpers == nil else { return }
        if flight.isHelp {
            close(token)
            hurry(flight.target, at: now)
            return
        }
        guard let status = peers[flight.target]?.status, status == .online || status == .suspect else {
            finish(token, at: now)
            return
        }
        let helpers = chooseHelpers(for: flight.target)
        flight.helpers = helpers.map(\.id)
        flight.deadline = now + rules.indirectTimeout
        flights[token] = flight
        for helper in helpers {
            effects.append(.askToProbe(helper: helper, target: flight.target, probe: token))
        }
        guard let record = records[flight.target] else { return }
        let again = probe(record, token: token)
        effects.append(.probe(again))
    }

    /// Takes a helper's word on whether it reached the target of a probe.
    package mutating func helperAnswered(_ token: Int, helper: String, reached: Bool, at now: Duration) {
        guard reached, let flight = flights[token], flight.helpers?.contains(helper) == true else { return }
        close(token)
        heldUp(flight.target, at: now)
    }

    /// Helps another node to find out whether `target` lives.
    package mutating func help(_ target: String, at now: Duration) -> Help {
        guard let peer = peers[target], peer.isVerified, let record = records[target] else { return .refused }
        if let last = peer.lastExchange, now - last < rules.period, peer.status == .online { return .reached }
        guard flights.values.count(where: \.isHelp) < rules.helpInFlight else { return .refused }
        return .probe(open(record, isHelp: true, at: now))
    }

    private mutating func beginPeriod(at now: Duration) {
        started = 0
        nextPeriod = now + rules.period * Double.random(in: 0.9...1.1, using: &random)
        for id in roster {
            guard let peer = peers[id], peer.isGuest, !peer.isProbed else { continue }
            if now - peer.since >= rules.unverifiedLifetime { drop(id) }
        }
        tombstones = tombstones.filter { $0.value.until > now }
        if let id = nextOfRound() { start(id, at: now) }
    }

    /// The next online peer of a shuffled round, so that each is probed once per round (SWIM, section 4.3).
    private mutating func nextOfRound() -> String? {
        guard flights.values.count(where: { !$0.isHelp }) < rules.probesInFlight else { return nil }
        for isFresh in [false, true] {
            if isFresh {
                round = roster.filter { peers[$0]?.status == .online }
                round.shuffle(using: &random)
            }
            while let id = round.popLast() {
                if let peer = peers[id], peer.status == .online, !peer.isProbed { return id }
            }
        }
        return nil
    }

    /// Starts the probes that are due: first those that others' news hurried, last those of guests, one at a time.
    private mutating func startDue(at now: Duration) {
        var open = flights.values.count(where: { !$0.isHelp })
        guard open < rules.probesInFlight, started < rules.probesPerPeriod else { return }
        var due: [(rank: Int, time: Duration, id: String)] = []
        for id in roster {
            guard let peer = peers[id], let time = peer.due, time <= now, !peer.isProbed else { continue }
            let rank = peer.isGuest ? 3 + peer.failures : peer.isHurried ? 0 : peer.status == .offline ? 2 : 1
            due.append((rank, time, id))
        }
        due.sort { ($0.rank, $0.time) < ($1.rank, $1.time) }
        var hasGuest = flights.values.contains(where: \.isGuest)
        for (_, _, id) in due {
            let isGuest = peers[id]?.isGuest ?? true
            if isGuest && hasGuest { continue }
            guard open < rules.probesInFlight, started < rules.probesPerPeriod else { return }
            start(id, at: now)
            open += 1
            hasGuest = hasGuest || isGuest
        }
    }

    private mutating func start(_ id: String, at now: Duration) {
        guard let record = records[id] else { return }
        started += 1
        peers[id]?.due = nil
        peers[id]?.isHurried = false
        peers[id]?.isProbed = true
        let probe = open(record, isHelp: false, at: now)
        effects.append(.probe(probe))
    }

    private mutating func open(_ record: Record, isHelp: Bool, at now: Duration) -> Probe {
        let isGuest = peers[record.id]?.isGuest ?? false
        let flight = Flight(
            target: record.id, isHelp: isHelp, isGuest: isGuest, deadline: now + rules.directTimeout)
        lastToken += 1
        flights[lastToken] = flight
        return probe(record, token: lastToken)
    }

    private mutating func probe(_ record: Record, token: Int) -> Probe {
        Probe(token: token, peer: record, message: compose(for: record.id, holding: peers[record.id]?.held))
    }

    private mutating func close(_ token: Int) {
        guard let flight = flights.removeValue(forKey: token), !flight.isHelp else { return }
        peers[flight.target]?.isProbed = false
    }

    private mutating func finish(_ token: Int, at now: Duration) {
        guard let flight = flights[token] else { return }
        close(token)
        missed(flight.target, at: now)
    }

    /// After a standstill of our own, silence says nothing about others.
    private mutating func dropFlights(at now: Duration) {
        for (token, flight) in flights {
            close(token)
            if !flight.isHelp { peers[flight.target]?.due = now }
        }
    }

    private mutating func chooseHelpers(for target: String) -> [Record] {
        var able = roster.filter { $0 != target && peers[$0]?.status == .online }
        able.shuffle(using: &random)
        return able.prefix(rules.helperCount).compactMap { records[$0] }
    }
}
