/// The 256 printable characters that GPT-2's vocabulary files write bytes with.
///
/// Printable ASCII, U+00A1...U+00AC and U+00AE...U+00FF stand for themselves; the other 68 byte values, in order, are
/// U+0100...U+0143. Source: `bytes_to_unicode` of GPT-2's published encoder (Radford et al. 2019).
enum ByteAlphabet {
    /// The code point that stands for each byte.
    static let codePoints: [UInt16] = {
        var nextSpare: UInt16 = 0x100
        return (UInt16(0)..<256).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
            default:
                defer { nextSpare += 1 }
                return nextSpare
            }
        }
    }()

    /// The byte that each code point below 0x144 stands for, -1 for none.
    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 0x144)
        for (byte, codePoint) in codePoints.enumerated() { bytes[Int(codePoint)] = Int16(byte) }
        return bytes
    }()

    /// Appends the UTF-8 of the character that stands for `byte`.
    static func append(_ byte: UInt8, to text: inout [UInt8]) {
        let codePoint = codePoints[Int(byte)]
        if codePoint < 0x80 {
            text.append(UInt8(codePoint))
        } else {
            text.append(UInt8(0xC0 | codePoint >> 6))
            text.append(UInt8(0x80 | codePoint & 0x3F))
        }
    }

    /// Appends the bytes that `text`, UTF-8 in this alphabet, stands for.
    /// - Returns: false, with nothing appended, if a character is not in the alphabet.
    static func decode(_ text: some Collection<UInt8>, into output: inout [UInt8]) -> Bool {
        let start = output.count
        let table = bytes
        var lead = 0
        for unit in text {
            var codePoint = Int(unit)
            if unit >= 0xC2, unit <= 0xC5, lead == 0 {
                lead = Int(unit)
                continue
            }
            if lead != 0 {
                codePoint = (lead & 0x1F) << 6 | Int(unit & 0x3F)
                lead = 0
            } else if unit >= 0x80 {
                codePoint = table.count
            }
            guard codePoint < table.count, table[codePoint] >= 0 else {
                output.removeSubrange(start...)
                return false
            }
            output.append(UInt8(table[codePoint]))
        }
        return true
    }
}
