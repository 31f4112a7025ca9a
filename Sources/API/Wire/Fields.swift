import OrderedJSON

/// Reads a request's members with their types and ranges, and remembers which ones were read: what is left is named to the
/// client instead of being ignored in silence.
struct Fields {
    private let object: JSONObject
    private var used: Set<UTF8Key> = []

    init(_ object: JSONObject) { self.object = object }

    /// Members that nobody asked for.
    var unused: [String] { object.keys.filter { !used.contains(UTF8Key($0)) } }

    /// The member `name`; `null` counts as absent.
    mutating func value(_ name: String) -> JSONValue? {
        used.insert(UTF8Key(name))
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    mutating func bool(_ name: String) throws(APIError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard let bool = value.bool else { throw Self.wrong(name, value, expected: "true or false") }
        return bool
    }

    mutating func string(_ name: String) throws(APIError) -> String? {
        guard let value = value(name) else { return nil }
        guard let string = value.string else { throw Self.wrong(name, value, expected: "a string") }
        return string
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = value(name) else { return nil }
        guard let integer = value.integer, range.contains(integer) else {
            throw Self.wrong(name, value, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    mutating func number(_ name: String, in range: ClosedRange<Double>) throws(APIError) -> Float? {
        guard let value = value(name) else { return nil }
        guard let number = value.double, range.contains(number) else {
            throw Self.wrong(name, value, expected: "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return Float(number)
    }

    mutating func array(_ name: String) throws(APIError) -> [JSONValue]? {
        guard let value = value(name) else { return nil }
        guard let array = value.array else { throw Self.wrong(name, value, expected: "an array") }
        return array
    }

    mutating func object(_ name: String) throws(APIError) -> JSONObject? {
        guard let value = value(name) else { return nil }
        guard let object = value.object else { throw Self.wrong(name, value, expected: "an object") }
        return object
    }

    /// The error for a member of the wrong type or out of range; long values are shown by their beginning.
    static func wrong(_ name: String, _ value: JSONValue, expected: String) -> APIError {
        let shown = value.serialized
        return .invalid(
            "'\(name)' is \(shown.prefix(64))\(shown.count > 64 ? "…" : ""); it must be \(expected)", param: name)
    }
}
