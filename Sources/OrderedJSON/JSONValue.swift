/// A JSON value that keeps what Foundation's parser loses: the order of keys, and `1` against `1.0`.
///
/// Chat templates print both, so tools and arguments must come through unchanged.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// A number written without fraction or exponent that fits 64 bits.
    case integer(Int)
    /// Any other number; always finite.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

extension JSONValue {
    /// The string, if this is one.
    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }
    /// The boolean, if this is one.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }
    /// The integer, if this is one, or a number such as `3.0` that is whole and fits.
    public var integer: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }
    /// The number as a double, if this is one.
    public var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
    /// The elements, if this is an array.
    public var array: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }
    /// The object, if this is one.
    public var object: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }
    /// Whether this is `null`.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }
    /// The member named `key`, if this is an object that has it.
    public subscript(key: String) -> JSONValue? { object?[key] }

    /// JSON's own name for the kind of value, for error messages.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer, .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

extension JSONValue: Equatable {
    /// Equal as JSON text would be: strings by their bytes (Swift's `==` would fold canonical equivalents), objects in any order of keys.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.integer(let a), .number(let b)), (.number(let b), .integer(let a)): Double(a) == b
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a == b
        default: false
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    /// A value as it is written in the source.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A value as it is written in the source.
    public init(integerLiteral value: Int) { self = .integer(value) }
    /// A value as it is written in the source.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// A value as it is written in the source.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A value as it is written in the source.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// A value as it is written in the source.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
    /// A value as it is written in the source.
    public init(nilLiteral: ()) { self = .null }
}
