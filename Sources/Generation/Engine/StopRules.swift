/// Finds stop texts in text that comes in pieces, and holds back what may still become one.
struct StopRules: Sendable {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []

    init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty } }

    /// Takes the next piece.
    /// - Returns: what may be shown now, and whether a stop text ended the answer.
    mutating func append(_ piece: String) -> (text: String, stopped: Bool) {
        guard !stops.isEmpty else { return (piece, false) }
        held.append(contentsOf: piece.utf8)
        if let end = stops.compactMap({ firstPlace(of: $0) }).min() {
            let text = String(decoding: held[..<end], as: UTF8.self)
            held = []
            return (text, true)
        }
        // A stop text begins at a character's first byte, so what stays is a whole number of characters.
        let kept = stops.map { longestBeginning(of: $0) }.max() ?? 0
        let text = String(decoding: held.dropLast(kept), as: UTF8.self)
        held.removeFirst(held.count - kept)
        return (text, false)
    }

    /// What was held back, when nothing follows.
    mutating func finish() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }

    private func firstPlace(of stop: [UInt8]) -> Int? {
        guard held.count >= stop.count else { return nil }
        return (0...held.count - stop.count).first { held[$0..<$0 + stop.count].elementsEqual(stop) }
    }

    /// Length of the longest end of the held text with which `stop` begins.
    private func longestBeginning(of stop: [UInt8]) -> Int {
        (1..<max(2, stop.count)).reversed().first { length in
            length <= held.count && length < stop.count && held.suffix(length).elementsEqual(stop.prefix(length))
        } ?? 0
    }
}
