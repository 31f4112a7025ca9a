/// Turns bytes that come in pieces into text: each character as soon as it is whole, U+FFFD as soon as nothing can
/// complete it.
///
/// One U+FFFD per maximal part of a well-formed sequence (The Unicode Standard 16.0, 3.9, table 3-7).
struct UTF8Assembler: Sendable {
    /// The start of a character that is not whole yet, three bytes at most.
    private var pending: [UInt8] = []

    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    private enum Form {
        case whole(Int)
        case broken(Int)
        case unfinished
    }

    /// The text that `bytes` complete.
    mutating func append(_ bytes: some Sequence<UInt8>) -> String {
        var input = pending
        input.append(contentsOf: bytes)
        pending = []
        var output: [UInt8] = []
        output.reserveCapacity(input.count)
        var place = 0
        while place < input.count {
            switch Self.form(input, place) {
            case .whole(let length):
                output.append(contentsOf: input[place..<(place + length)])
                place += length
            case .broken(let length):
                output.append(contentsOf: Self.replacement)
                place += length
            case .unfinished:
                pending = Array(input[place...])
                place = input.count
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// What is left when no more bytes come: nothing or one U+FFFD.
    mutating func finish() -> String {
        defer { pending = [] }
        return pending.isEmpty ? "" : "\u{FFFD}"
    }

    private static func form(_ bytes: [UInt8], _ place: Int) -> Form {
        let lead = bytes[place]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0..<0x80: return .whole(1)
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { second = 0xA0...0xBF }
            if lead == 0xED { second = 0x80...0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { second = 0x90...0xBF }
            if lead == 0xF4 { second = 0x80...0x8F }
        default: return .broken(1)
        }
        for offset in 1..<length {
            guard place + offset < bytes.count else { return .unfinished }
            let allowed = offset == 1 ? second : 0x80...0xBF
            guard allowed.contains(bytes[place + offset]) else { return .broken(offset) }
        }
        return .whole(length)
    }
}
