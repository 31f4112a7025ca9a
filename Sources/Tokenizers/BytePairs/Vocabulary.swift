/// What a row of the vocabulary is.
enum TokenKind: UInt8, Sendable {
    /// A hole between two ids.
    case absent
    /// Written in the byte alphabet, reached by merging.
    case ordinary
    /// Added to the vocabulary and recognised in text as a whole.
    case added
    /// Added, and a control token such as `<|im_end|>`.
    case special
    /// A row that only fills the embedding up.
    case unused
}

/// The strings and bytes of all tokens, in two flat buffers, with a hash table from string to id.
final class Vocabulary: Sendable {
    /// One more than the highest id.
    let count: Int
    let kinds: [TokenKind]
    private let texts: [UInt8]
    private let textEnds: [Int]
    private let contents: [UInt8]
    private let contentEnds: [Int]
    private let slots: [Int32]
    private let seed: UInt64

    /// Builds the tables from `rows`, whose place is the token's id; of equal texts the first is found by text.
    init(rows: [(text: String, kind: TokenKind)]) {
        count = rows.count
        kinds = rows.map(\.kind)
        var texts: [UInt8] = []
        var contents: [UInt8] = []
        var textEnds = [0]
        var contentEnds = [0]
        textEnds.reserveCapacity(rows.count + 1)
        contentEnds.reserveCapacity(rows.count + 1)
        for row in rows {
            let start = texts.count
            texts.append(contentsOf: row.text.utf8)
            switch row.kind {
            case .absent, .unused: break
            case .added, .special: contents.append(contentsOf: row.text.utf8)
            case .ordinary:
                // A text outside the alphabet stands for itself, as in Hugging Face's byte-level decoder.
                if !ByteAlphabet.decode(texts[start...], into: &contents) { contents.append(contentsOf: row.text.utf8) }
            }
            textEnds.append(texts.count)
            contentEnds.append(contents.count)
        }
        // A file must not be able to choose texts that collide, so each process hashes differently.
        let seed = UInt64.random(in: .min ... .max)
        var capacity = 16
        while capacity < rows.count + rows.count / 2 { capacity *= 2 }
        var slots = [Int32](repeating: -1, count: capacity)
        for (id, row) in rows.enumerated() where row.kind != .absent {
            let key = texts[textEnds[id]..<textEnds[id + 1]]
            var slot = Self.hash(key, seed) & (capacity - 1)
            var isNew = true
            while isNew, slots[slot] >= 0 {
                let other = Int(slots[slot])
                isNew = !texts[textEnds[other]..<textEnds[other + 1]].elementsEqual(key)
                slot = (slot + 1) & (capacity - 1)
            }
            if isNew { slots[slot] = Int32(id) }
        }
        self.texts = texts
        self.textEnds = textEnds
        self.contents = contents
        self.contentEnds = contentEnds
        self.slots = slots
        self.seed = seed
    }

    private static func hash(_ key: some Sequence<UInt8>, _ seed: UInt64) -> Int {
        // FNV-1a (Fowler, Noll, Vo) with a secret start, and a final mix since the low bits choose the slot.
        var hash = 0xCBF2_9CE4_8422_2325 ^ seed
        for byte in key { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash ^= hash >> 32
        hash = hash &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: hash >> 20)
    }

    /// The id of the token written `text` (UTF-8).
    func id(of text: [UInt8]) -> Int? {
        var slot = Self.hash(text, seed) & (slots.count - 1)
        while slots[slot] >= 0 {
            let id = Int(slots[slot])
            if texts[textEnds[id]..<textEnds[id + 1]].elementsEqual(text) { return id }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// The token as the vocabulary writes it, UTF-8; empty beyond the vocabulary.
    func text(of id: Int) -> ArraySlice<UInt8> {
        kinds.indices.contains(id) ? texts[textEnds[id]..<textEnds[id + 1]] : []
    }

    /// The bytes the token stands for; empty beyond the vocabulary.
    func content(of id: Int) -> ArraySlice<UInt8> {
        kinds.indices.contains(id) ? contents[contentEnds[id]..<contentEnds[id + 1]] : []
    }
}
