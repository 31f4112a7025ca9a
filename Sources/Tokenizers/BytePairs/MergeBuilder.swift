/// The token of each single byte.
struct ByteTable {
    /// Ids by byte, -1 for a byte that has no token.
    var ids: [Int32]

    /// Looks for the 256 tokens of one character of the byte alphabet; bytes without one get the `unknown` token's id.
    init(rows: [(text: String, kind: TokenKind)], unknown: String?) {
        ids = [Int32](repeating: -1, count: 256)
        var unknownID: Int32 = -1
        var bytes: [UInt8] = []
        for (id, row) in rows.enumerated() where row.kind != .absent && row.kind != .unused {
            if let unknown, !unknown.isEmpty, row.text.utf8.elementsEqual(unknown.utf8) { unknownID = Int32(id) }
            guard row.kind == .ordinary, row.text.utf8.count <= 2 else { continue }
            bytes.removeAll(keepingCapacity: true)
            guard ByteAlphabet.decode(row.text.utf8, into: &bytes), bytes.count == 1 else { continue }
            if ids[Int(bytes[0])] < 0 { ids[Int(bytes[0])] = Int32(id) }
        }
        guard unknownID >= 0 else { return }
        for byte in 0..<256 where ids[byte] < 0 { ids[byte] = unknownID }
    }
}

/// Builds a ``MergeTable`` out of pairs of tokens as the vocabulary writes them.
struct MergeBuilder {
    let vocabulary: Vocabulary
    private(set) var table: MergeTable
    private var rank: UInt32 = 0
    private var text: [UInt8] = []

    /// A builder for `count` merges.
    init(vocabulary: Vocabulary, count: Int) {
        self.vocabulary = vocabulary
        table = MergeTable(minimumCapacity: count)
    }

    /// Adds the merge written with one space between its tokens.
    mutating func add(_ merge: String) throws(TokenizerError) {
        let units = Array(merge.utf8)
        guard let space = units.firstIndex(of: 0x20), units.lastIndex(of: 0x20) == space else {
            throw .malformed(field: "merges[\(rank)]", reason: "'\(merge.prefix(64))' is no pair of tokens")
        }
        try add(units[..<space], units[(space + 1)...])
    }

    /// Adds the merge of two tokens.
    mutating func add(_ left: String, _ right: String) throws(TokenizerError) {
        try add(Array(left.utf8)[...], Array(right.utf8)[...])
    }

    private mutating func add(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) throws(TokenizerError) {
        let leftID = try id(of: left)
        let rightID = try id(of: right)
        let merged = try id(of: left, right)
        table.insert(leftID, rightID, MergeTable.Merge(rank: rank, id: merged))
        rank += 1
    }

    private mutating func id(
        of part: ArraySlice<UInt8>, _ rest: ArraySlice<UInt8> = []
    ) throws(TokenizerError) -> Int32 {
        text.removeAll(keepingCapacity: true)
        text.append(contentsOf: part)
        text.append(contentsOf: rest)
        guard let id = vocabulary.id(of: text), vocabulary.kinds[id] != .unused else {
            let name = String(decoding: text.prefix(64), as: UTF8.self)
            throw .malformed(field: "merges[\(rank)]", reason: "names '\(name)', which is no token")
        }
        return Int32(id)
    }
}
