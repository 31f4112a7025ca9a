/// From a pair of neighbouring tokens to the rank of their merge and the token it makes.
struct MergeTable: Sendable {
    /// A merge: lower ranks come first.
    struct Merge: Sendable {
        var rank: UInt32
        var id: Int32

        /// No merge: behind all ranks.
        static let none = Merge(rank: .max, id: -1)
    }

    private var keys: [UInt64]
    private var merges: [Merge]
    private let mask: Int
    /// A file must not be able to choose pairs that collide, so each process hashes differently.
    private let seed = UInt64.random(in: .min ... .max)

    private static let empty = UInt64.max

    init(minimumCapacity: Int) {
        var capacity = 16
        // At most two thirds full: large vocabularies stay in memory for as long as their model.
        while capacity < minimumCapacity + minimumCapacity / 2 { capacity *= 2 }
        keys = [UInt64](repeating: Self.empty, count: capacity)
        merges = [Merge](repeating: .none, count: capacity)
        mask = capacity - 1
    }

    private func slot(of key: UInt64) -> Int {
        // The last step of SplitMix64 (Steele, Lea and Flood 2014).
        var hash = key ^ seed
        hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        return Int(truncatingIfNeeded: hash ^ hash >> 31) & mask
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Stores a merge; a later one of the same pair takes its place. At most the announced number may be stored.
    mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
        let key = Self.key(left, right)
        var slot = slot(of: key)
        while keys[slot] != Self.empty, keys[slot] != key { slot = (slot + 1) & mask }
        keys[slot] = key
        merges[slot] = merge
    }

    /// The merge of `left` and `right`, ``Merge/none`` if they stay apart.
    func merge(_ left: Int32, _ right: Int32) -> Merge {
        let key = Self.key(left, right)
        var slot = slot(of: key)
        while keys[slot] != key {
            if keys[slot] == Self.empty { return .none }
            slot = (slot + 1) & mask
        }
        return merges[slot]
    }
}
