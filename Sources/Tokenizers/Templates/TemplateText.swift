/// A string that knows which of its parts the template wrote and which came out of the conversation.
///
/// Only the template's own text may become control tokens, so the origin follows each byte through every operation.
struct TemplateText: Sendable {
    /// A stretch of one origin, up to the byte offset `end`.
    struct Run: Sendable, Equatable {
        var end: Int
        var isMarkup: Bool
    }

    /// UTF-8.
    private(set) var bytes: [UInt8]
    /// Ascending; the last one ends with `bytes`; neighbours differ; none for the empty text.
    private(set) var runs: [Run]
    /// Whether HTML escaping leaves it alone (`|safe`).
    var isSafe = false

    /// Nothing.
    init() {
        bytes = []
        runs = []
    }

    /// A text of one origin.
    init(_ text: String, isMarkup: Bool) { self.init(Array(text.utf8), isMarkup: isMarkup) }

    /// A text of one origin out of UTF-8.
    init(_ bytes: [UInt8], isMarkup: Bool) {
        self.bytes = bytes
        runs = bytes.isEmpty ? [] : [Run(end: bytes.count, isMarkup: isMarkup)]
    }

    var count: Int { bytes.count }
    var isEmpty: Bool { bytes.isEmpty }
    var string: String { String(decoding: bytes, as: UTF8.self) }

    /// The pieces of one origin each.
    var segments: [(text: String, isMarkup: Bool)] {
        var start = 0
        return runs.map { run in
            defer { start = run.end }
            return (String(decoding: bytes[start..<run.end], as: UTF8.self), run.isMarkup)
        }
    }

    mutating func append(_ other: TemplateText) {
        guard !other.isEmpty else { return }
        if isEmpty {
            bytes = other.bytes
            runs = other.runs
            return
        }
        let offset = bytes.count
        bytes.append(contentsOf: other.bytes)
        for run in other.runs { extend(to: offset + run.end, isMarkup: run.isMarkup) }
    }

    /// Appends a part of another text.
    mutating func append(_ other: TemplateText, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let offset = bytes.count - range.lowerBound
        bytes.append(contentsOf: other.bytes[range])
        var index = other.runIndex(at: range.lowerBound)
        while index < other.runs.count {
            let run = other.runs[index]
            extend(to: offset + min(run.end, range.upperBound), isMarkup: run.isMarkup)
            if run.end >= range.upperBound { break }
            index += 1
        }
    }

    /// Appends UTF-8 of one origin.
    mutating func append(contentsOf text: some Collection<UInt8>, isMarkup: Bool) {
        guard !text.isEmpty else { return }
        bytes.append(contentsOf: text)
        extend(to: bytes.count, isMarkup: isMarkup)
    }

    private mutating func extend(to end: Int, isMarkup: Bool) {
        if let last = runs.last, last.isMarkup == isMarkup {
            runs[runs.count - 1].end = end
        } else {
            runs.append(Run(end: end, isMarkup: isMarkup))
        }
    }

    /// The run that holds the byte at `offset`.
    private func runIndex(at offset: Int) -> Int {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].end <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether the byte at `offset` was written by the template.
    func isMarkup(at offset: Int) -> Bool {
        let index = runIndex(at: offset)
        return index < runs.count && runs[index].isMarkup
    }

    /// The part in a range of bytes, which must begin and end at characters.
    subscript(range: Range<Int>) -> TemplateText {
        if range == 0..<count { return self }
        var part = TemplateText()
        part.append(self, range)
        return part
    }
}

extension TemplateText: Hashable {
    /// Equal by content; the origin does not count.
    static func == (left: TemplateText, right: TemplateText) -> Bool { left.bytes == right.bytes }

    func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

extension TemplateText {
    /// Where each character starts, and the end.
    var scalarOffsets: [Int] {
        var offsets: [Int] = []
        offsets.reserveCapacity(count + 1)
        for (offset, byte) in bytes.enumerated() where byte & 0xC0 != 0x80 { offsets.append(offset) }
        offsets.append(count)
        return offsets
    }

    /// How many characters (code points) there are.
    var scalarCount: Int { bytes.reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) } }

    /// The code points.
    var scalars: [Unicode.Scalar] {
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(count)
        var place = 0
        while place < count {
            scalars.append(UTF8Text.scalar(bytes, place))
            place += UTF8Text.length(lead: bytes[place])
        }
        return scalars
    }

    /// Each character by itself.
    var characters: [TemplateText] {
        let offsets = scalarOffsets
        return zip(offsets, offsets.dropFirst()).map { self[$0..<$1] }
    }

    /// The characters at `indices`, counted in code points.
    func picking(_ indices: [Int]) -> TemplateText {
        let offsets = scalarOffsets
        var picked = TemplateText()
        for index in indices { picked.append(self, offsets[index]..<offsets[index + 1]) }
        return picked
    }

    /// A text with every code point replaced; what comes of one keeps its origin.
    func mapping(_ transform: (_ index: Int, _ scalar: Unicode.Scalar) -> String) -> TemplateText {
        var mapped = TemplateText()
        mapped.bytes.reserveCapacity(count)
        var place = 0
        var index = 0
        var runIndex = 0
        while place < count {
            if runs[runIndex].end <= place { runIndex += 1 }
            let text = transform(index, UTF8Text.scalar(bytes, place))
            mapped.append(contentsOf: text.utf8, isMarkup: runs[runIndex].isMarkup)
            place += UTF8Text.length(lead: bytes[place])
            index += 1
        }
        return mapped
    }
}
