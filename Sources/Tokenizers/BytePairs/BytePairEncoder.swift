/// Byte-pair encoding of one pre-token: single bytes, then the merge of lowest rank, leftmost first, until none is left.
///
/// Sennrich, Haddow and Birch 2016, arXiv:1508.07909. A byte that has no token is left out, as Hugging Face does.
struct BytePairEncoder: Sendable {
    /// The token of each byte, -1 for none.
    let byteIDs: [Int32]
    let merges: MergeTable
    /// Whether a pre-token that is a token as it stands is taken without merging (`ignore_merges`).
    let takesWholeWords: Bool
    let vocabulary: Vocabulary

    /// Up to this many symbols the lowest rank is sought by looking at all of them.
    private static let scannedSymbols = 40

    /// Working memory that is kept from one pre-token to the next.
    struct Workspace {
        fileprivate var symbols: [Int32] = []
        fileprivate var pairs: [MergeTable.Merge] = []
        fileprivate var text: [UInt8] = []
    }

    /// Appends the ids of `piece`, a pre-token.
    func encode(_ piece: ArraySlice<UInt8>, workspace: inout Workspace, into ids: inout [Int]) {
        if takesWholeWords, let id = wholeWord(piece, &workspace.text) {
            ids.append(id)
            return
        }
        workspace.symbols.removeAll(keepingCapacity: true)
        for byte in piece {
            let id = byteIDs[Int(byte)]
            if id >= 0 { workspace.symbols.append(id) }
        }
        if workspace.symbols.count <= Self.scannedSymbols {
            mergeByScanning(&workspace)
        } else {
            mergeByQueue(&workspace.symbols)
        }
        for symbol in workspace.symbols { ids.append(Int(symbol)) }
    }

    private func wholeWord(_ piece: ArraySlice<UInt8>, _ text: inout [UInt8]) -> Int? {
        text.removeAll(keepingCapacity: true)
        for byte in piece { ByteAlphabet.append(byte, to: &text) }
        // A control token that happens to be written like a word must not come out of plain text.
        guard let id = vocabulary.id(of: text), vocabulary.kinds[id] == .ordinary else { return nil }
        return id
    }

    /// Quadratic, but the fastest for words.
    private func mergeByScanning(_ workspace: inout Workspace) {
        var count = workspace.symbols.count
        guard count > 1 else { return }
        workspace.pairs.removeAll(keepingCapacity: true)
        for place in 0..<(count - 1) {
            workspace.pairs.append(merges.merge(workspace.symbols[place], workspace.symbols[place + 1]))
        }
        while count > 1 {
            var best = 0
            var rank = UInt32.max
            for place in 0..<(count - 1) where workspace.pairs[place].rank < rank {
                rank = workspace.pairs[place].rank
                best = place
            }
            guard rank < .max else { break }
            workspace.symbols[best] = workspace.pairs[best].id
            count -= 1
            for place in (best + 1)..<max(count, best + 1) {
                workspace.symbols[place] = workspace.symbols[place + 1]
                workspace.pairs[place - 1] = workspace.pairs[place]
            }
            if best > 0 {
                workspace.pairs[best - 1] = merges.merge(workspace.symbols[best - 1], workspace.symbols[best])
            }
            if best < count - 1 {
                workspace.pairs[best] = merges.merge(workspace.symbols[best], workspace.symbols[best + 1])
            }
        }
        workspace.symbols.removeSubrange(count...)
    }

    /// For long pre-tokens: a linked list of symbols and a queue of pairs, n log n in all.
    private func mergeByQueue(_ symbols: inout [Int32]) {
        let count = symbols.count
        var next = Array(1...Int32(count))
        var previous = Array(-1..<Int32(count - 1))
        var pairs = [MergeTable.Merge](repeating: .none, count: count)
        var entries: [UInt64] = []
        entries.reserveCapacity(count)
        for place in 0..<(count - 1) {
            pairs[place] = merges.merge(symbols[place], symbols[place + 1])
            if pairs[place].rank < .max { entries.append(UInt64(pairs[place].rank) << 32 | UInt64(place)) }
        }
        var queue = MinimumHeap(entries)
        while let entry = queue.removeMinimum() {
            let place = Int(entry & 0xFFFF_FFFF)
            // An entry is stale if the pair at its place has changed since.
            guard UInt64(pairs[place].rank) == entry >> 32, pairs[place].rank < .max else { continue }
            let right = Int(next[place])
            let after = next[right]
            symbols[place] = pairs[place].id
            symbols[right] = -1
            pairs[right] = .none
            next[place] = after
            pairs[place] = .none
            if Int(after) < count {
                previous[Int(after)] = Int32(place)
                pairs[place] = merges.merge(symbols[place], symbols[Int(after)])
                if pairs[place].rank < .max { queue.insert(UInt64(pairs[place].rank) << 32 | UInt64(place)) }
            }
            let before = Int(previous[place])
            if before >= 0 {
                pairs[before] = merges.merge(symbols[before], symbols[place])
                if pairs[before].rank < .max { queue.insert(UInt64(pairs[before].rank) << 32 | UInt64(before)) }
            }
        }
        symbols.removeAll { $0 < 0 }
    }
}
