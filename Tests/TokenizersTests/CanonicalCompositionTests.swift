import Foundation
import Testing
import Tokenizers

struct CanonicalCompositionTests {
    private func composed(_ text: String) -> [UInt32] {
        let bytes = Array(text.utf8)
        let output = CanonicalComposition.compose(bytes, 0..<bytes.count)
        return String(decoding: output, as: UTF8.self).unicodeScalars.map(\.value)
    }

    @Test(
        arguments: [
            ("e\u{301}", [0xE9]), ("q\u{307}\u{323}", [0x71, 0x323, 0x307]), ("\u{212B}", [0xC5]), ("A\u{30A}", [0xC5]),
            ("\u{1E9B}\u{323}", [0x1E9B, 0x323]), ("\u{1112}\u{1161}\u{11AB}", [0xD55C]), ("\u{958}", [0x915, 0x93C]),
            ("\u{344}", [0x308, 0x301]), ("\u{F900}", [0x8C48]), ("\u{2F800}", [0x4E3D]), ("か\u{3099}", [0x304C]),
            ("a\u{F73}\u{316}\u{301}", [0xE1, 0xF71, 0xF72, 0x316]), ("s\u{323}\u{307}", [0x1E69]),
            ("a\u{316}\u{300}\u{301}", [0xE0, 0x316, 0x301]), ("\u{301}e", [0x301, 0x65]), ("", []),
            ("\u{AC00}\u{11A7}", [0xAC00, 0x11A7]), ("\u{AC00}\u{11A8}", [0xAC01]),
        ] as [(String, [UInt32])])
    func `text is composed as Unicode says`(text: String, expected: [UInt32]) {
        #expect(composed(text) == expected)
    }

    @Test func `every letter composes as Foundation has it`() throws {
        for code in [0xA0..<0x3400, 0xA000..<0xB000, 0xF900..<0xFFFE].joined() {
            // Foundation leaves marks where they are that were assigned after its tables were made, and U+0F73's parts.
            guard let scalar = UnicodeScalar(UInt32(code)), scalar.properties.canonicalCombiningClass == .notReordered,
                scalar.properties.generalCategory != .nonspacingMark
            else { continue }
            let text = "\(Character(scalar))\u{323}\u{301}"
            let expected = text.precomposedStringWithCanonicalMapping.unicodeScalars.map(\.value)
            #expect(composed(text) == expected, "U+\(String(code, radix: 16))")
        }
    }

    @Test func `a long text is composed as its pieces are`() {
        let unit = "αe\u{301}日本\u{1112}\u{1161}\u{11AB}x\u{307}\u{323} "
        let one = composed(unit)
        #expect(composed(String(repeating: unit, count: 500)) == Array(repeatElement(one, count: 500).joined()))
    }
}
