extension Tokenizer {
    /// The ids of `text`, without ``prefixIDs`` and ``suffixIDs``.
    public func encode(_ text: String, specialTokens: SpecialTokens = .recognised) -> [Int] {
        let bytes = Array(text.utf8)
        var ids: [Int] = []
        ids.reserveCapacity(bytes.count / 4)
        var workspace = BytePairEncoder.Workspace()
        guard specialTokens != .plain else {
            encodeText(normalized(bytes, 0..<bytes.count), &workspace, &ids)
            return ids
        }
        let special = specialTokens == .recognised
        for fragment in rawFinder.fragments(of: bytes, 0..<bytes.count, allowed: [0..<bytes.count], special: special) {
            guard case .text(let range) = fragment else {
                if case .token(let id) = fragment { ids.append(id) }
                continue
            }
            let text = normalized(bytes, range)
            if normalizedFinder.isEmpty {
                encodeText(text, &workspace, &ids)
            } else {
                encodeNormalized(text, allowed: [text.range], special: special, &workspace, &ids)
            }
        }
        return ids
    }

    /// The ids of the segments written one behind the other: added tokens are recognised in markup only.
    ///
    /// A token must lie wholly inside neighbouring markup segments; text is otherwise cut as if there were no segments.
    public func encode(segments: [(text: String, isMarkup: Bool)]) -> [Int] {
        var bytes: [UInt8] = []
        var markup: [Range<Int>] = []
        for segment in segments {
            let start = bytes.count
            bytes.append(contentsOf: segment.text.utf8)
            guard segment.isMarkup, bytes.count > start else { continue }
            if let last = markup.last, last.upperBound == start {
                markup[markup.count - 1] = last.lowerBound..<bytes.count
            } else {
                markup.append(start..<bytes.count)
            }
        }
        var ids: [Int] = []
        ids.reserveCapacity(bytes.count / 4)
        var workspace = BytePairEncoder.Workspace()
        for fragment in rawFinder.fragments(of: bytes, 0..<bytes.count, allowed: markup, special: true) {
            switch fragment {
            case .token(let id): ids.append(id)
            case .text(let range) where normalizedFinder.isEmpty:
                encodeText(normalized(bytes, range), &workspace, &ids)
            case .text(let range):
                // What is markup is known of the text as given only, so these tokens are sought before normalising too.
                encodeNormalized((bytes, range), allowed: markup, special: true, &workspace, &ids)
            }
        }
        return ids
    }

    private typealias Text = (bytes: [UInt8], range: Range<Int>)

    private func encodeNormalized(
        _ text: Text, allowed: [Range<Int>], special: Bool, _ workspace: inout BytePairEncoder.Workspace,
        _ ids: inout [Int]
    ) {
        let fragments = normalizedFinder.fragments(of: text.bytes, text.range, allowed: allowed, special: special)
        for fragment in fragments {
            switch fragment {
            case .token(let id): ids.append(id)
            case .text(let range): encodeText(normalized(text.bytes, range), &workspace, &ids)
            }
        }
    }

    private func encodeText(_ text: Text, _ workspace: inout BytePairEncoder.Workspace, _ ids: inout [Int]) {
        preTokenizer.forEachPiece(of: text.bytes, text.range) { piece in
            encoder.encode(text.bytes[piece], workspace: &workspace, into: &ids)
        }
    }

    /// The part of `bytes` in form NFC, if this tokeniser asks for it.
    private func normalized(_ bytes: [UInt8], _ range: Range<Int>) -> Text {
        guard normalizes, !CanonicalComposition.isTrivial(bytes[range]) else { return (bytes, range) }
        let composed = CanonicalComposition.compose(bytes, range)
        return (composed, 0..<composed.count)
    }
}
