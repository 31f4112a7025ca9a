import Foundation

/// The seed of a random test: `HYBRIE_SEED` replays one; else it is drawn, and printed.
package func testSeed(_ test: String = #function) -> UInt64 {
    let seed = ProcessInfo.processInfo.environment["HYBRIE_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...UInt64.max)
    print("\(test): HYBRIE_SEED=\(seed)")
    return seed
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers for the same seed on every machine.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
