import Foundation

/// Which characters decompose into which, and which pairs compose; read once out of Foundation, in about 20 ms.
///
/// Foundation's own normalisation is quadratic where marks stand out of order or a long text composes (a MiB of two
/// alternating marks takes minutes), so it is asked about single characters only.
struct CompositionTables: Sendable {
    static let shared = CompositionTables()

    /// Full canonical decompositions, without Hangul syllables.
    private(set) var decompositions: [UInt32: [UInt32]] = [:]
    /// Primary composites by their first and second part.
    private(set) var composites: [UInt64: UInt32] = [:]

    private init() {
        // Ideographs of the main blocks and Hangul syllables have no entries; above U+2FFFF nothing decomposes.
        let asked = [0xC0..<0x3400, 0xA000..<0xAC00, 0xD7A4..<0xD800, 0xE000..<0x2_0000, 0x2_F800..<0x3_0000]
        let scalars = asked.joined().compactMap { Unicode.Scalar(UInt32($0)) }
        var lines = String.UnicodeScalarView()
        for scalar in scalars {
            lines.append(scalar)
            lines.append("\n")
        }
        let decomposed = Self.lines(String(lines).decomposedStringWithCanonicalMapping)
        let composed = Self.lines(String(lines).precomposedStringWithCanonicalMapping)
        guard decomposed.count == scalars.count, composed.count == scalars.count else { return }
        var primary: [(scalar: UInt32, parts: [UInt32])] = []
        for (place, scalar) in scalars.enumerated() where decomposed[place] != [scalar.value] {
            decompositions[scalar.value] = decomposed[place]
            if composed[place] == [scalar.value] { primary.append((scalar.value, decomposed[place])) }
        }
        // What composes of n parts composes of n - 1 first, so the shorter ones are known by then.
        for (scalar, parts) in primary.sorted(by: { $0.parts.count < $1.parts.count }) {
            guard var first = parts.first, let last = parts.last, parts.count > 1 else { continue }
            for part in parts[1..<(parts.count - 1)] { first = composites[Self.key(first, part)] ?? first }
            composites[Self.key(first, last)] = scalar
        }
    }

    static func key(_ first: UInt32, _ second: UInt32) -> UInt64 { UInt64(first) << 32 | UInt64(second) }

    private static func lines(_ text: String) -> [[UInt32]] {
        var lines: [[UInt32]] = []
        var line: [UInt32] = []
        for scalar in text.unicodeScalars {
            if scalar == "\n" {
                lines.append(line)
                line = []
            } else {
                line.append(scalar.value)
            }
        }
        return lines
    }
}
