import TestSupport

/// Damages inputs: flips, cuts, doubled stretches, extreme numbers, pieces of other samples. The seed decides everything.
struct Mutator {
    private var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private mutating func below(_ bound: Int) -> Int { bound > 0 ? Int(random.next() % UInt64(bound)) : 0 }

    private static let extremes: [[UInt8]] = [
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0, 0, 0, 0, 0x80], [0xFF, 0xFF, 0xFF, 0x7F],
        [0, 0, 0, 0],
        Array("1e999".utf8), Array("-1".utf8), Array("9223372036854775808".utf8), Array("\\ud800".utf8),
        Array("{{".utf8),
        Array("%}".utf8), Array("[[[[[[[[".utf8), Array("\"\":".utf8), Array("$ref".utf8), [0xC3], [0xED, 0xA0, 0x80],
    ]

    mutating func mutate(_ sample: [UInt8], others: [[UInt8]]) -> [UInt8] {
        var bytes = sample
        for _ in 0...below(4) {
            let place = below(bytes.count + 1)
            switch below(7) {
            case 0 where !bytes.isEmpty: bytes[min(place, bytes.count - 1)] ^= 1 << UInt8(below(8))
            case 1 where !bytes.isEmpty: bytes[min(place, bytes.count - 1)] = UInt8(truncatingIfNeeded: random.next())
            case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(64)))
            case 3: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 1 + below(64))], at: place)
            case 4:
                let extreme = Self.extremes[below(Self.extremes.count)]
                bytes.replaceSubrange(place..<min(bytes.count, place + extreme.count), with: extreme)
            case 5:
                let other = others[below(others.count)]
                let start = below(other.count + 1)
                bytes.insert(contentsOf: other[start..<min(other.count, start + 1 + below(256))], at: place)
            default: bytes.removeSubrange(place..<bytes.count)
            }
        }
        return bytes
    }
}
