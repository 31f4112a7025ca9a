/// The character classes that pre-tokenisers tell apart, as bits: `\p{L}`, `\p{N}` and White_Space.
enum ScalarClasses {
    static let letter: UInt8 = 1
    static let number: UInt8 = 2
    static let space: UInt8 = 4

    /// Classes by code point; all letters and numbers assigned so far lie below its end.
    static let table: [UInt8] = (UInt32(0)..<0x4_0000).map { code in Unicode.Scalar(code).map(computed) ?? 0 }

    /// The classes of a code point beyond the table.
    static func beyondTable(_ code: UInt32) -> UInt8 { Unicode.Scalar(code).map(computed) ?? 0 }

    private static func computed(_ scalar: Unicode.Scalar) -> UInt8 {
        let space = scalar.properties.isWhitespace ? Self.space : 0
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return letter | space
        case .decimalNumber, .letterNumber, .otherNumber: return number | space
        default: return space
        }
    }

    /// Whether a regular expression's `\w` takes the character (Unicode Technical Standard 18, annex C).
    static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.properties.isAlphabetic || scalar.properties.isJoinControl { return true }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }
}
