/// Steps through bytes that are known to be UTF-8.
enum UTF8Text {
    /// Bytes of the character that starts with `lead`.
    static func length(lead: UInt8) -> Int {
        lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    }

    /// The code point at `place`, where a character starts.
    static func codePoint(_ bytes: [UInt8], _ place: Int) -> UInt32 {
        let lead = bytes[place]
        if lead < 0x80 { return UInt32(lead) }
        let count = length(lead: lead)
        var code = UInt32(lead) & (0x7F >> UInt32(count))
        for offset in 1..<count where place + offset < bytes.count {
            code = code << 6 | UInt32(bytes[place + offset] & 0x3F)
        }
        return code
    }

    /// The character at `place`.
    static func scalar(_ bytes: [UInt8], _ place: Int) -> Unicode.Scalar {
        Unicode.Scalar(codePoint(bytes, place)) ?? "\u{FFFD}"
    }

    /// Where the character before `place` starts.
    static func start(_ bytes: [UInt8], before place: Int) -> Int {
        var start = place - 1
        while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }
}

extension UTF8Text {
    /// Appends the UTF-8 of a code point.
    static func append(_ code: UInt32, to output: inout [UInt8]) {
        guard let scalar = Unicode.Scalar(code) else { return output.append(contentsOf: "\u{FFFD}".utf8) }
        output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
}
