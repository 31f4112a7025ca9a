public import Foundation

/// A node as `/v1/peers` shows it.
public struct Peer: Sendable {
    /// Whether it lives, by what this node has seen itself.
    public enum Status: String, Sendable {
        case online, suspect, offline
    }

    /// What it says of itself, signed by it.
    public let descriptor: NodeDescriptor
    /// Whether it lives.
    public let status: Status
    /// How it came to be known; `nil` for this node itself.
    public let source: StoredSource?
    /// When it came to be known.
    public let firstSeen: Date
    /// When it last answered.
    public let lastSeen: Date?
    /// How long its last answer took.
    public let roundTrip: Duration?
    /// Why it didn't answer, if it didn't.
    public let error: String?
}

/// A node's descriptor with its signature, as the rules of the membership see it.
package struct NodeRecord: MembershipRecord {
    let descriptor: NodeDescriptor
    let signed: SignedDescriptor
    package var id: String { descriptor.id }
    package var sequence: Int { descriptor.sequence }

    /// - Throws: ``MeshError/badDescriptor(reason:)`` if it isn't signed by the key that its id belongs to.
    init(_ signed: SignedDescriptor) throws(MeshError) {
        descriptor = try signed.verified()
        self.signed = signed
    }
}
