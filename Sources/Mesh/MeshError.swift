/// What goes wrong between nodes.
public enum MeshError: Error, CustomStringConvertible, Sendable, Equatable {
    /// A text that is no address of a node.
    case badAddress(String, reason: String)
    /// An address outside the networks that mesh traffic may reach.
    case refusedAddress(String)
    /// Nothing answers there.
    case unreachable(String, reason: String)
    /// A node's description of itself that can't be believed.
    case badDescriptor(reason: String)
    /// An answer that isn't what was asked for.
    case badAnswer(from: String, reason: String)
    /// A node that answered with an error status.
    case refused(by: String, status: Int)
    /// A key or secret that can't be used; the reason says which, and what helps.
    case damagedKey(reason: String)
    /// A call on the disk or the database that failed; the reason says which.
    case storage(reason: String)
    /// There is no peer of that id.
    case unknownPeer(String)
    /// No node that can be reached has the model.
    case noSource(String)
    /// A peer's model of that digest isn't the one that the hub has.
    case otherModel(String)
    /// A setting forbids mesh traffic.
    case off(rule: String)
    /// Another process is the node of this home; its id, if it has said so.
    case heldBy(Int?)

    /// What was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .badAddress(let text, let reason):
            "'\(Self.shown(text))' is no address of a node: \(reason); give an IP address, with a port if need be "
                + "(100.64.0.1:8080, [fd7a:115c:a1e0::1]:8080)"
        case .refusedAddress(let text):
            "'\(Self.shown(text))' lies outside the networks that nodes may be reached in (those in HYBRIE_MESH_ALLOW, a "
                + "tailnet's own if it isn't set); add its network to HYBRIE_MESH_ALLOW if it can be trusted"
        case .unreachable(let place, let reason):
            "'\(Self.shown(place))' can't be reached: \(Self.shown(reason)); check that it runs and that the network lets it through"
        case .badDescriptor(let reason):
            "the node's descriptor isn't accepted: \(Self.shown(reason)); check that the node runs a current version"
        case .badAnswer(let place, let reason):
            "the answer of '\(Self.shown(place))' can't be used: \(Self.shown(reason)); check that its version is current"
        case .refused(let place, 401):
            "'\(Self.shown(place))' refused the request (status 401); give both nodes the same mesh secret"
        case .refused(let place, let status):
            "'\(Self.shown(place))' refused the request (status \(status)); its log says why"
        case .damagedKey(let reason): "the key can't be used: \(reason)"
        case .storage(let reason): "the mesh's data can't be kept: \(reason); check HYBRIE_HOME, then try again"
        case .unknownPeer(let id): "there is no peer '\(Self.shown(id))'; GET /v1/peers lists those that are known"
        case .noSource(let model):
            "no node that can be reached has '\(Self.shown(model))'; pull it from the hub, or register a node that has it"
        case .otherModel(let digest):
            "the model \(Self.shown(digest)) of the peers isn't the one that the hub has; pull peer://NODE/NAME to have theirs"
        case .heldBy(let process):
            "\(process.map { "process \($0)" } ?? "another process") is the node of this home; end it, or set HYBRIE_HOME"
        case .off(let rule): "mesh traffic is off (\(rule)); change that setting to let nodes talk to each other"
        }
    }

    /// What came from outside, fit for a log: 160 characters at most, none that moves the cursor.
    private static func shown(_ text: String) -> String {
        let clipped = text.unicodeScalars.prefix(160)
        let harmless = clipped.map { $0.isControl ? "?" : Character($0) }
        return String(harmless) + (text.unicodeScalars.count > 160 ? "..." : "")
    }
}

extension MeshError {
    /// The error's name for programs.
    public var code: String {
        switch self {
        case .badAddress: "bad_address"
        case .refusedAddress: "address_not_permitted"
        case .unreachable: "peer_unreachable"
        case .badDescriptor: "bad_descriptor"
        case .badAnswer: "bad_peer_answer"
        case .refused: "peer_refused"
        case .damagedKey: "node_key_damaged"
        case .storage: "mesh_storage"
        case .unknownPeer: "unknown_peer"
        case .noSource: "no_source"
        case .otherModel: "other_model"
        case .off: "mesh_off"
        case .heldBy: "home_in_use"
        }
    }
}

extension Unicode.Scalar {
    /// Whether this moves the cursor or ends a line instead of standing for something.
    var isControl: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
