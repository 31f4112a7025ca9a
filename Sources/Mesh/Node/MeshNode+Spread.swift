public import ModelStore

extension MeshNode {
    /// What stands for all that is no known peer, in figures.
    public static let otherID = "other"

    /// The id that a request names, if it is a peer's: labels of figures are bounded by that.
    public func knownID(_ id: String?) -> String {
        guard let id, membership.peer(id) != nil else { return Self.otherID }
        return id
    }

    /// Says what takes models on request.
    public func setWanted(_ models: WantedModels) { wanted = models }

    /// A peer asks this node to take a model.
    /// - Throws: ``MeshError/off(rule:)`` if this node takes none on request.
    public func take(_ digest: Digest, as name: String) async throws -> WantedModels.Reply {
        guard let wanted else { throw MeshError.off(rule: "mesh.accept_sync") }
        return try await wanted.take(digest, as: name)
    }

    /// What a peer said when it was asked to take a model.
    public struct SpreadReply: Sendable {
        /// The peer's id.
        public let id: String
        /// The peer's name.
        public let name: String
        /// `present`, `started`, or why not.
        public let state: String
    }

    /// Asks all peers that are online to take a model of this node.
    /// - Throws: ``MeshError/noSource(_:)`` if this node doesn't have it.
    public func spread(_ model: String) async throws -> [SpreadReply] {
        await shared.refresh()
        guard let digest = await shared.entries.first(where: { $0.id == model }).flatMap({ Digest($0.digest) }) else {
            throw MeshError.noSource(model)
        }
        let peers = membership.roster.compactMap { id -> (id: String, name: String, address: NodeAddress)? in
            guard membership.peer(id)?.status == .online, let record = membership.record(of: id),
                let address = addresses(of: record).first
            else { return nil }
            return (id, record.descriptor.name, address)
        }
        return await withTaskGroup(of: SpreadReply.self) { [client] group in
            for (id, name, address) in peers {
                group.addTask {
                    do {
                        let state = try await client.asksToTake(digest, as: model, at: address)
                        return SpreadReply(id: id, name: name, state: state)
                    } catch MeshError.refused(_, 403) {
                        return SpreadReply(
                            id: id, name: name, state: "it takes no models on request; set mesh.accept_sync there")
                    } catch { return SpreadReply(id: id, name: name, state: "\(error)") }
                }
            }
            var replies: [SpreadReply] = []
            for await reply in group { replies.append(reply) }
            return replies
        }
    }
}
