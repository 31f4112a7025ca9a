extension Membership {
    /// One half of an exchange.
    package struct Message: Sendable {
        /// The sender's own record.
        package var own: Record
        /// The members that the sender has verified itself, the others' version vector.
        package var members: [MemberSummary]
        /// Records that the receiver lacked or held older by its last message.
        package var records: [Record]

        package init(own: Record, members: [MemberSummary], records: [Record]) {
            self.own = own
            self.members = members
            self.records = records
        }
    }

    /// Takes another node's request and says the answer.
    ///
    /// A request proves little: its records are signed, but anybody may have sent them. So it makes nobody online and
    /// introduces nobody but its sender; that one is probed soon.
    package mutating func receive(_ message: Message, at now: Duration) -> Message {
        let sender = message.own
        let held = heldSequences(message)
        if sender.id == own.id {
            if sender.sequence > own.sequence { renew(above: sender.sequence, at: now) }
        } else if let known = peers[sender.id] {
            if sender.sequence >= known.sequence {
                update(sender, at: now)
                if known.status != .online { hurry(sender.id, at: now) }
                if known.isVerified { read(message, introducer: nil, at: now) }
            }
        } else {
            add(sender, source: .introduced(by: nil), at: now)
        }
        peers[sender.id]?.held = held
        return compose(for: sender.id, holding: held)
    }

    /// Reads what a verified peer says of others and of us.
    ///
    /// - Parameter introducer: the sender, if it is proven: new ids are taken from answers to our own probes only.
    mutating func read(_ message: Message, introducer: String?, at now: Duration) {
        for record in message.records.prefix(rules.recordsPerMessage) {
            if record.id == own.id {
                // Our own signature at a higher sequence: we lost our state.
                if record.sequence > own.sequence { renew(above: record.sequence, at: now) }
            } else if peers[record.id] != nil {
                update(record, at: now)
            } else if let introducer {
                add(record, source: .introduced(by: introducer), at: now)
            }
        }
        for line in message.members.prefix(rules.memberLimit) where line.status != .unverified {
            if line.id == own.id {
                // A higher sequence than ours is believed only of our signed record, which then comes along: a bare
                // number could drive ours to its end.
                if line.status != .online, line.sequence == own.sequence { renew(above: own.sequence, at: now) }
            } else if let known = peers[line.id], line.sequence >= known.sequence,
                (line.status == .online) != (known.status == .online)
            {
                hurry(line.id, at: now)
            }
        }
    }

    /// Which sequences the sender of a message holds, of peers known here only: so its size is bounded by us.
    func heldSequences(_ message: Message) -> [String: Int] {
        var held: [String: Int] = [message.own.id: message.own.sequence]
        for line in message.members.prefix(rules.memberLimit) where peers[line.id] != nil && line.id != message.own.id {
            held[line.id] = line.sequence
        }
        return held
    }

    /// A message to `receiver`, which holds the sequences `held`, if we know them.
    mutating func compose(for receiver: String, holding held: [String: Int]?) -> Message {
        var lines: [MemberSummary] = []
        var newer: [(id: String, learned: Duration)] = []
        var lacking: [String] = []
        for id in roster {
            guard let peer = peers[id], peer.isVerified, lines.count < rules.memberLimit else { continue }
            lines.append(MemberSummary(id: id, sequence: peer.sequence, status: peer.status))
            guard let held else { continue }
            if let sequence = held[id] {
                if sequence < peer.sequence { newer.append((id, peer.learned)) }
            } else if peer.status == .online, id != receiver {
                lacking.append(id)
            }
        }
        newer.sort { $0.learned > $1.learned }
        // What the receiver can't reach, it lacks for ever: by chance, so that such don't fill every message.
        if newer.count + lacking.count > rules.recordsPerMessage { lacking.shuffle(using: &random) }
        let sent = (newer.map(\.id) + lacking).prefix(rules.recordsPerMessage)
        return Message(own: own, members: lines, records: sent.compactMap { records[$0] })
    }
}
