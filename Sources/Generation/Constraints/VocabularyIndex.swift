import Synchronization
public import Tokenizers

/// The tokens of a model as a tree of their bytes, so that a grammar can be asked about all of them at once.
///
/// Made once per model; 150,000 tokens take a tenth of a second or two. Control tokens are not in it: no grammar holds
/// them. Nodes stand in the order of a walk that goes down first, so a branch is a range.
public final class VocabularyIndex: Sendable {
    /// One more than the highest id.
    public let tokenCount: Int
    /// Tells indexes apart.
    let identity: UInt64
    /// The byte that leads to each node; node 0 is the root.
    let bytes: [UInt8]
    let depths: [UInt16]
    let longestToken: Int
    /// The node behind each node's branch.
    let ends: [Int32]
    /// Where the tokens of each node begin in ``tokens``; those of a branch are one range.
    let tokenStarts: [Int32]
    let tokens: [Int32]
    /// ASCII bytes below each node.
    let asciiLow: [UInt64]
    let asciiHigh: [UInt64]
    /// Whether other characters are below it, and whether all bytes below it are whole characters.
    let hasOthers: [Bool]
    let isWhole: [Bool]
    private let contents: [UInt8]
    private let contentStarts: [Int32]

    private static let counter = Atomic<UInt64>(0)
    /// Longer tokens are left out.
    private static let byteLimit = 1_024

    /// The tokens of `tokenizer`.
    /// - Parameter markup: texts that grammars may write as one token even if the vocabulary calls it a control token.
    public convenience init(
        tokenizer: Tokenizer, markup: [String] = ["<think>", "</think>", "<tool_call>", "</tool_call>"]
    ) {
        let markup = Set(markup.map { Array($0.utf8) })
        self.init(
            tokens: (0..<tokenizer.vocabularySize).map { id in
                let bytes = tokenizer.bytes(of: id)
                return tokenizer.isSpecial(id) && !markup.contains(bytes) ? [] : bytes
            })
    }

    /// An index of tokens given as bytes; empty ones are not in it.
    package init(tokens list: [[UInt8]]) {
        tokenCount = list.count
        identity = Self.counter.add(1, ordering: .relaxed).newValue
        var contents: [UInt8] = []
        var contentStarts: [Int32] = [0]
        for token in list {
            contents.append(contentsOf: token)
            contentStarts.append(Int32(contents.count))
        }
        self.contents = contents
        self.contentStarts = contentStarts
        var tree = VocabularyTree()
        let ids = list.indices.filter { !list[$0].isEmpty && list[$0].count <= Self.byteLimit }
        for id in Self.sorted(ids, list) { tree.add(list[id], id) }
        tree.finish()
        bytes = tree.bytes
        depths = tree.depths
        longestToken = Int(tree.depths.max() ?? 0)
        ends = tree.ends
        tokenStarts = tree.tokenStarts
        tokens = tree.tokens
        asciiLow = tree.asciiLow
        asciiHigh = tree.asciiHigh
        hasOthers = tree.hasOthers
        isWhole = tree.isWhole
    }

    /// The bytes of a token; nothing for control tokens.
    func content(of token: Int32) -> ArraySlice<UInt8> {
        guard token >= 0, Int(token) < tokenCount else { return [] }
        return contents[Int(contentStarts[Int(token)])..<Int(contentStarts[Int(token) + 1])]
    }

    /// Ids in the order of their bytes, by the first eight bytes where these differ.
    private static func sorted(_ ids: [Int], _ list: [[UInt8]]) -> [Int] {
        let keys = ids.map { id in
            var key: UInt64 = 0
            for place in 0..<8 { key = key << 8 | (place < list[id].count ? UInt64(list[id][place]) : 0) }
            return (key: key, id: id)
        }
        return keys.sorted { left, right in
            if left.key != right.key { return left.key < right.key }
            if list[left.id] != list[right.id] { return list[left.id].lexicographicallyPrecedes(list[right.id]) }
            return left.id < right.id
        }.map(\.id)
    }
}

/// The tree while it is made of tokens in the order of their bytes.
private struct VocabularyTree {
    var bytes: [UInt8] = [0]
    var depths: [UInt16] = [0]
    var ends: [Int32] = [0]
    var tokenStarts: [Int32] = [0]
    var tokens: [Int32] = []
    var asciiLow: [UInt64] = []
    var asciiHigh: [UInt64] = []
    var hasOthers: [Bool] = []
    var isWhole: [Bool] = []
    private var path: [Int] = [0]
    /// How many bytes a character still lacks at each node; below zero: it can't become one.
    private var lacking: [Int8] = [0]
    private var previous: [UInt8] = []

    mutating func add(_ token: [UInt8], _ id: Int) {
        var common = 0
        while common < token.count, common < previous.count, token[common] == previous[common] { common += 1 }
        while path.count > common + 1 { ends[path.removeLast()] = Int32(bytes.count) }
        for byte in token[common...] {
            let parent = path[path.count - 1]
            lacking.append(lackingBytes(parent, byte))
            path.append(bytes.count)
            bytes.append(byte)
            depths.append(UInt16(path.count - 1))
            ends.append(0)
            tokenStarts.append(Int32(tokens.count))
        }
        tokens.append(Int32(id))
        previous = token
    }

    /// Well-formed UTF-8 but for the ranges of second bytes, which are checked here.
    private func lackingBytes(_ parent: Int, _ byte: UInt8) -> Int8 {
        switch lacking[parent] {
        case 0:
            switch byte {
            case 0..<0x80: return 0
            case 0xC2...0xDF: return 1
            case 0xE0...0xEF: return 2
            case 0xF0...0xF4: return 3
            default: return -1
            }
        case let count where count > 0:
            guard (0x80...0xBF).contains(byte) else { return -1 }
            let lead = bytes[parent]
            let isBad =
                lead == 0xE0 && byte < 0xA0 || lead == 0xED && byte > 0x9F || lead == 0xF0 && byte < 0x90
                || lead == 0xF4 && byte > 0x8F
            return isBad ? -1 : count - 1
        default: return -1
        }
    }

    mutating func finish() {
        for node in path { ends[node] = Int32(bytes.count) }
        tokenStarts.append(Int32(tokens.count))
        asciiLow = [UInt64](repeating: 0, count: bytes.count)
        asciiHigh = asciiLow
        hasOthers = [Bool](repeating: false, count: bytes.count)
        isWhole = [Bool](repeating: true, count: bytes.count)
        var parents = [Int](repeating: 0, count: bytes.count)
        var open: [Int] = []
        for node in bytes.indices {
            open.removeLast(open.count - Int(depths[node]))
            parents[node] = open.last ?? 0
            open.append(node)
        }
        for node in bytes.indices.dropFirst().reversed() {
            let parent = parents[node]
            asciiLow[parent] |= asciiLow[node]
            asciiHigh[parent] |= asciiHigh[node]
            switch bytes[node] {
            case 0..<64: asciiLow[parent] |= 1 << UInt64(bytes[node])
            case 64..<128: asciiHigh[parent] |= 1 << UInt64(bytes[node] - 64)
            default: hasOthers[parent] = true
            }
            if hasOthers[node] { hasOthers[parent] = true }
            let endsInside = lacking[node] != 0 && tokenStarts[node + 1] > tokenStarts[node]
            if !isWhole[node] || lacking[node] < 0 || endsInside { isWhole[parent] = false }
        }
        // Inside a character nothing can be said about what is below.
        for node in bytes.indices where lacking[node] != 0 { isWhole[node] = false }
    }
}
