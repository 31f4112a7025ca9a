import Foundation
import Logging
import OrderedJSON

extension MeshNode {
    /// Takes part in the mesh until the task is cancelled.
    /// - Parameter port: where this node listens.
    public func run(port: Int) async {
        self.port = port
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keepDescriptor() }
            group.addTask { await self.discover() }
            wake.yield()
            for await _ in wakes {
                for effect in membership.tick(at: now) { await carryOut(effect, in: &group) }
                let pause = membership.nextTick - now
                group.addTask { [wake] in
                    try? await Task.sleep(for: max(pause, .milliseconds(10)))
                    wake.yield()
                }
            }
            group.cancelAll()
        }
    }

    private func carryOut(_ effect: Membership<NodeRecord>.Effect, in group: inout TaskGroup<Void>) async {
        switch effect {
        case .probe(let probe): group.addTask { _ = await self.send(probe) }
        case .askToProbe(let helper, let target, let token):
            group.addTask { await self.ask(helper, toProbe: target, token) }
        case .renewRecord(let above):
            do { try await renew(above: above) } catch { log(error, "own descriptor can't be renewed") }
        case .changed(let id, let status):
            logger.info("peer", metadata: ["id": "\(id)", "status": "\(status.rawValue)"])
            await saveLogged(id)
            if status == .online { wanted?.look() }
        case .learned(let record):
            if membership.peer(record.id)?.isVerified == true { await saveLogged(record.id) }
        case .forgot(let id):
            notes[id] = nil
            try? await registry.remove(id)
        }
    }

    private func log(_ error: any Error, _ what: Logger.Message) {
        logger.warning(what, metadata: ["reason": "\(error)"])
    }

    /// Makes and signs a new descriptor of this node, as it is now.
    func renew(above sequence: Int) async throws {
        var own = options.descriptor(identity, port: port, tailnet: tailnetAddresses, models: await shared.entries)
        own.sequence = try await registry.takeSequence(atLeast: max(sequence, membership.own.sequence) + 1)
        membership.setOwn(try NodeRecord(SignedDescriptor(signing: own, by: identity)))
    }

    /// Looks now and then whether this node is still as its descriptor says.
    private func keepDescriptor() async {
        while !Task.isCancelled {
            await shared.refresh()
            var now = options.descriptor(identity, port: port, tailnet: tailnetAddresses, models: await shared.entries)
            now.sequence = membership.own.sequence
            if now != membership.own.descriptor {
                do { try await renew(above: membership.own.sequence) } catch {
                    log(error, "own descriptor can't be renewed")
                }
            }
            try? await Task.sleep(for: .seconds(5))
        }
    }

    /// Sends a probe and reports what came of it.
    /// - Returns: whether the peer answered.
    func send(_ probe: Membership<NodeRecord>.Probe) async -> Bool {
        let id = probe.peer.id
        var reason = "none of its addresses lies in the networks that may be reached (HYBRIE_MESH_ALLOW)"
        for address in addresses(of: probe.peer) {
            let asked = ContinuousClock.now
            do {
                let message = try await client.hello(
                    probe.message, to: probe.peer, at: address, within: membership.rules.probeTimeout,
                    rules: membership.rules
                ) { [membership] in membership.record(of: $0) }
                let isExchange = membership.answered(probe.token, by: message, at: now)
                if isExchange { noteAnswer(of: message.own, at: address, asked.duration(to: .now), source: .gossip) }
                wake.yield()
                return isExchange
            } catch { reason = "\(error)" }
        }
        if notes[id] != nil { notes[id]?.error = reason }
        membership.failed(probe.token, at: now)
        wake.yield()
        return false
    }

    private func ask(_ helper: NodeRecord, toProbe target: String, _ token: Int) async {
        var reached = false
        if let address = addresses(of: helper).first {
            reached = await client.asksToProbe(target, at: address, within: membership.rules.indirectTimeout)
        }
        membership.helperAnswered(token, helper: helper.id, reached: reached, at: now)
        wake.yield()
    }

    /// Where a peer may be reached, the address that worked last first.
    func addresses(of peer: NodeRecord) -> [NodeAddress] {
        var addresses = [notes[peer.id]?.address].compactMap { $0 }
        for text in peer.descriptor.addresses {
            guard let ip = IPAddress(text), let address = try? NodeAddress(ip: ip, port: peer.descriptor.port),
                !addresses.contains(address)
            else { continue }
            addresses.append(address)
        }
        return Array(addresses.filter { options.networks.permits($0.ip) }.prefix(4))
    }

    /// Remembers where and when a peer answered; what it was known by before stays, unless it has been registered now.
    func noteAnswer(of record: NodeRecord, at address: NodeAddress, _ roundTrip: Duration, source: StoredSource) {
        var note = notes[record.id] ?? Notes(source: source, firstSeen: Date())
        if source == .registered { note.source = .registered }
        (note.address, note.lastSeen, note.roundTrip, note.error) = (address, Date(), roundTrip, nil)
        notes[record.id] = note
    }

    private func saveLogged(_ id: String) async {
        do { try await save(id) } catch { log(error, "peer can't be stored") }
    }

    /// Stores what is known of a peer.
    func save(_ id: String) async throws {
        guard let record = membership.record(of: id), let notes = notes[id] else { return }
        try await registry.save(
            StoredPeer(
                descriptor: record.signed, address: notes.address?.text, source: notes.source,
                firstSeen: notes.firstSeen, lastSeen: notes.lastSeen))
    }
}
