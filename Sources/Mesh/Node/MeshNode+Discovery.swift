import Logging

extension MeshNode {
    /// How often the tailnet is looked at, and how long an address is left alone where no node answered.
    private static let interval = Duration.seconds(30)
    private static let silence = Duration.seconds(300)
    /// Addresses that are asked at once.
    private static let width = 8

    /// Looks for nodes on the tailnet until the task is cancelled.
    func discover() async {
        guard let tailscale else { return }
        var lastError = ""
        while !Task.isCancelled {
            do {
                await look(at: try await tailscale.status())
                lastError = ""
            } catch  where "\(error)" != lastError {
                // Said once: a machine without Tailscale would say it for ever.
                lastError = "\(error)"
                logger.info("tailscale isn't there", metadata: ["reason": "\(error)"])
            } catch {}
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func look(at status: TailscaleStatus) async {
        tailnetAddresses = status.ownAddresses
        let known = Set(membership.roster.flatMap { membership.record(of: $0)?.descriptor.addresses ?? [] })
        let time = now
        silent = silent.filter { time - $0.value < Self.silence }
        // One address for each machine: the first that may be dialled.
        let candidates = status.nodes.compactMap { node -> NodeAddress? in
            guard !node.addresses.contains(where: { known.contains($0.text) }),
                let ip = node.addresses.first(where: options.networks.permits)
            else { return nil }
            return try? NodeAddress(ip: ip, port: options.defaultPort)
        }.filter { silent[$0] == nil }
        await withTaskGroup(of: (NodeAddress, Bool).self) { group in
            for (place, address) in candidates.enumerated() {
                if place >= Self.width, let (asked, answered) = await group.next() { note(asked, answered) }
                group.addTask { (address, (try? await self.meet(address, source: .tailscale)) != nil) }
            }
            for await (asked, answered) in group { note(asked, answered) }
        }
    }

    private func note(_ address: NodeAddress, _ answered: Bool) {
        if !answered { silent[address] = now }
    }
}
