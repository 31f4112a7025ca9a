import Foundation

/// How one value is written by `%` or by `format`: Python's "format specification mini-language".
struct TemplateFormat {
    var fill: Unicode.Scalar = " "
    /// `<`, `>`, `^` or `=` (between sign and digits).
    var alignment: Unicode.Scalar?
    /// `+`, `-` or a space.
    var sign: Unicode.Scalar = "-"
    var isAlternate = false
    var groupsThousands = false
    var width = 0
    var precision: Int?
    var type: Unicode.Scalar?

    /// More digits than any double has.
    static let maximumPrecision = 1100
    static let maximumWidth = 1 << 20

    /// Digits of a width or precision at `place`; nil if there are too many.
    static func number(_ scalars: [Unicode.Scalar], _ place: inout Int) -> Int? {
        var value = 0
        while place < scalars.count, let digit = Character(scalars[place]).wholeNumberValue, scalars[place].isASCII {
            value = value * 10 + digit
            guard value <= maximumWidth else { return nil }
            place += 1
        }
        return value
    }

    /// The sign and digits of an integer.
    func digits(of value: Int) -> (sign: String, digits: String)? {
        let magnitude = value.magnitude
        let body: String
        switch type {
        case nil, "d", "i", "u", "n": body = String(magnitude)
        case "x": body = (isAlternate ? "0x" : "") + String(magnitude, radix: 16)
        case "X": body = (isAlternate ? "0X" : "") + String(magnitude, radix: 16, uppercase: true)
        case "o": body = (isAlternate ? "0o" : "") + String(magnitude, radix: 8)
        case "b": body = (isAlternate ? "0b" : "") + String(magnitude, radix: 2)
        default: return nil
        }
        return (signText(isNegative: value < 0), groupsThousands ? Self.grouped(body) : body)
    }

    /// The sign and digits of a number with a point.
    func digits(of value: Double) -> (sign: String, digits: String)? {
        let magnitude = value.magnitude
        let places = precision ?? 6
        var body: String
        switch type {
        case "f", "F": body = String(format: "%.\(places)f", magnitude)
        case "e": body = String(format: "%.\(places)e", magnitude)
        case "E": body = String(format: "%.\(places)E", magnitude)
        case "g", "n": body = String(format: "%.\(places)g", magnitude)
        case "G": body = String(format: "%.\(places)G", magnitude)
        case "%": body = String(format: "%.\(places)f", magnitude * 100) + "%"
        case nil: body = precision == nil ? pythonDescription(magnitude) : String(format: "%.\(places)g", magnitude)
        default: return nil
        }
        if groupsThousands { body = Self.grouped(body) }
        return (signText(isNegative: value.sign == .minus && !value.isNaN), body)
    }

    private func signText(isNegative: Bool) -> String {
        isNegative ? "-" : sign == "+" ? "+" : sign == " " ? " " : ""
    }

    private static func grouped(_ digits: String) -> String {
        let whole = digits.prefix { $0.isASCII && $0.isNumber }
        var grouped = ""
        for (place, digit) in whole.enumerated() {
            if place > 0, (whole.count - place) % 3 == 0 { grouped.append(",") }
            grouped.append(digit)
        }
        return grouped + digits.dropFirst(whole.count)
    }

    /// `text` filled up to the width; `sign` stands before it, apart if the alignment says so.
    func padded(_ text: TemplateText, sign: String, standard: Unicode.Scalar) -> TemplateText {
        let head = TemplateText(sign, isMarkup: false)
        let missing = max(0, width - text.scalarCount - head.count)
        let side = alignment ?? standard
        let left = side == "<" ? 0 : side == "^" ? missing / 2 : missing
        func filled(_ count: Int) -> TemplateText {
            TemplateText(String(repeating: Character(fill), count: count), isMarkup: false)
        }
        let front = side == "=" ? head + filled(left) : filled(left) + head
        return front + text + filled(missing - left)
    }
}
