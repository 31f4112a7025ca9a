/// Looks for one of a few tags in bytes that come one by one.
///
/// Each tag holds `<` at its beginning only, so what turns out not to be a tag can't contain the beginning of one.
struct TagMatcher: Sendable {
    /// What a byte led to.
    enum Step: Equatable {
        /// No tag is under way, and the byte begins none.
        case outside
        /// The byte may belong to a tag.
        case inside
        /// The byte completes the tag at this place of the list.
        case matched(Int)
        /// The bytes held so far are no tag; the byte itself has not been looked at.
        case broken([UInt8])
    }

    let tags: [[UInt8]]
    private(set) var held: [UInt8] = []

    init(_ tags: [String]) { self.tags = tags.map { Array($0.utf8) }.filter { !$0.isEmpty } }

    mutating func push(_ byte: UInt8) -> Step {
        if held.isEmpty, !tags.contains(where: { $0[0] == byte }) { return .outside }
        held.append(byte)
        let candidates = tags.indices.filter { tags[$0].starts(with: held) }
        if let complete = candidates.first(where: { tags[$0].count == held.count }) {
            held = []
            return .matched(complete)
        }
        if !candidates.isEmpty { return .inside }
        held.removeLast()
        guard !held.isEmpty else { return .outside }
        return .broken(flush())
    }

    /// What is held, which is no tag since nothing follows.
    mutating func flush() -> [UInt8] {
        defer { held = [] }
        return held
    }
}
