import OrderedJSON

/// A decimal number as its digits.
struct DecimalText: Equatable {
    var isNegative: Bool
    /// At least one digit, no zero in front of others.
    var whole: [UInt8]
    /// No zeros at the end.
    var fraction: [UInt8]

    init(isNegative: Bool, whole: [UInt8], fraction: [UInt8]) {
        self.isNegative = isNegative
        self.whole = whole
        self.fraction = fraction
    }

    /// The shortest decimal that reads back as `value`; nil if `value` is no number.
    init?(_ value: JSONValue) {
        let text: String
        switch value {
        case .integer(let integer): text = String(integer)
        case .number(let double) where double.isFinite: text = "\(double)"
        default: return nil
        }
        let parts = text.utf8.split(separator: UInt8(ascii: "e"))
        let exponent = parts.count > 1 ? Int(String(decoding: parts[1], as: UTF8.self)) ?? 0 : 0
        var digits: [UInt8] = []
        var point: Int?
        for byte in parts[0] {
            switch byte {
            case UInt8(ascii: "."): point = digits.count
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(byte - UInt8(ascii: "0"))
            default: break
            }
        }
        let place = (point ?? digits.count) + exponent
        if place > digits.count { digits += [UInt8](repeating: 0, count: place - digits.count) }
        let padded = place < 0 ? [UInt8](repeating: 0, count: -place) + digits : digits
        var whole = Array(padded.prefix(max(0, place)).drop { $0 == 0 })
        var fraction = Array(padded.dropFirst(max(0, place)))
        while fraction.last == 0 { fraction.removeLast() }
        if whole.isEmpty { whole = [0] }
        self.init(isNegative: text.utf8.first == UInt8(ascii: "-"), whole: whole, fraction: fraction)
        if whole == [0], fraction.isEmpty { isNegative = false }
    }

    /// Whether this is the smaller number.
    static func < (left: DecimalText, right: DecimalText) -> Bool {
        if left.isNegative != right.isNegative { return left.isNegative }
        let isSmaller =
            left.whole.count != right.whole.count
            ? left.whole.count < right.whole.count
            : (left.whole + left.fraction).lexicographicallyPrecedes(right.whole + right.fraction)
        return left.isNegative ? left != right && !isSmaller : isSmaller
    }
}
