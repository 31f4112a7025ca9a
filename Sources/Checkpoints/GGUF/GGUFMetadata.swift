import OrderedJSON

/// A GGUF file's keys and values in the file's order.
public struct GGUFMetadata: Sendable {
    /// The name of the file they are from, for messages.
    public let file: String
    /// All keys and values in order.
    public private(set) var entries: [(key: String, value: GGUFValue)] = []
    private var places: [UTF8Key: Int] = [:]

    init(file: String, capacity: Int) {
        self.file = file
        // The count is checked against the file's size, but a key takes much less there than here.
        let capacity = min(capacity, 1 << 20)
        entries.reserveCapacity(capacity)
        places.reserveCapacity(capacity)
    }

    /// The value of `key`, whatever its type.
    public subscript(key: String) -> GGUFValue? { places[UTF8Key(key)].map { entries[$0].value } }

    /// Adds a value; false if the key is there already.
    mutating func append(_ key: String, _ value: GGUFValue) -> Bool {
        guard places.updateValue(entries.count, forKey: UTF8Key(key)) == nil else { return false }
        entries.append((key, value))
        return true
    }
}

/// Lookups that know which type they want: `nil` if the key is missing, an error if its value is of another type.
extension GGUFMetadata {
    /// A text.
    public func string(_ key: String) throws(CheckpointError) -> String? {
        switch self[key] {
        case nil: return nil
        case .string(let text)?: return text
        case let other?: throw wrongType(key, "a string", other)
        }
    }

    /// An integer, stored as any of the integer types, that fits 64 bits with sign.
    public func integer(_ key: String) throws(CheckpointError) -> Int? {
        switch self[key] {
        case nil: return nil
        case .signed(let value, _)?: return Int(value)
        case .unsigned(let value, _)?:
            if let value = Int(exactly: value) { return value }
            throw .malformed(file, key, expected: "an integer below 2^63", found: "\(value)")
        case let other?: throw wrongType(key, "an integer", other)
        }
    }

    /// A float; may be infinite or no number.
    public func number(_ key: String) throws(CheckpointError) -> Double? {
        switch self[key] {
        case nil: return nil
        case .float(let value, _)?: return value
        case let other?: throw wrongType(key, "a float", other)
        }
    }

    /// A boolean.
    public func bool(_ key: String) throws(CheckpointError) -> Bool? {
        switch self[key] {
        case nil: return nil
        case .bool(let value)?: return value
        case let other?: throw wrongType(key, "a bool", other)
        }
    }

    /// An array, not yet read.
    public func array(_ key: String) throws(CheckpointError) -> GGUFArray? {
        switch self[key] {
        case nil: return nil
        case .array(let array)?: return array
        case let other?: throw wrongType(key, "an array", other)
        }
    }

    /// A text that must be there.
    public func requiredString(_ key: String) throws(CheckpointError) -> String {
        if let text = try string(key) { return text }
        throw .malformed(file, key, expected: "this key")
    }

    private func wrongType(_ key: String, _ expected: String, _ found: GGUFValue) -> CheckpointError {
        .malformed(file, key, expected: expected, found: found.shown)
    }
}
