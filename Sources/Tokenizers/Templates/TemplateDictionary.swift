/// A value that can be a key; `1`, `1.0` and `true` are one key, as in Python.
enum TemplateKey: Hashable {
    case none
    case integer(Int)
    case number(Double)
    case string(TemplateText)
    case tuple([TemplateKey])
    case identity(ObjectIdentifier)

    /// Tuples with more parts, or with tuples inside, are no keys here: hashing them could take for ever.
    private static let tupleParts = 16

    /// The key of a value, nil for lists and mappings, which change in Python and thus are none.
    init?(_ value: TemplateValue) {
        switch value {
        case .none: self = .none
        case .bool(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = Int(exactly: value).map(Self.integer) ?? .number(value)
        case .string(let text): self = .string(text)
        case .list(let list) where list.kind != .list && list.depth == 1 && list.elements.count <= Self.tupleParts:
            var keys: [TemplateKey] = []
            for element in list.elements {
                guard let key = TemplateKey(element) else { return nil }
                keys.append(key)
            }
            self = .tuple(keys)
        case .object(.namespace(let namespace)): self = .identity(ObjectIdentifier(namespace))
        case .undefined, .list, .dictionary, .range, .function, .object: return nil
        }
    }
}

/// A mapping in the order of insertion; it never changes.
final class TemplateDictionary {
    let keys: [TemplateValue]
    let values: [TemplateValue]
    let depth: Int
    /// Places by key, kept only where a linear search would be slow.
    private let places: [TemplateKey: Int]

    private static let linearEntries = 12

    /// A mapping whose keys are known to differ.
    init(keys: [TemplateValue], values: [TemplateValue]) {
        self.keys = keys
        self.values = values
        depth = 1 + (values.lazy.map(\.depth).max() ?? 0)
        guard keys.count > Self.linearEntries else {
            places = [:]
            return
        }
        var places = [TemplateKey: Int](minimumCapacity: keys.count)
        for (place, key) in keys.enumerated() {
            if let key = TemplateKey(key) { places[key] = place }
        }
        self.places = places
    }

    func value(of key: TemplateKey) -> TemplateValue? { place(of: key).map { values[$0] } }

    private func place(of key: TemplateKey) -> Int? {
        keys.count > Self.linearEntries ? places[key] : keys.firstIndex { TemplateKey($0) == key }
    }

    func value(named name: String) -> TemplateValue? {
        if keys.count > Self.linearEntries {
            return value(of: .string(TemplateText(name, isMarkup: false)))
        }
        for (place, key) in keys.enumerated() {
            if case .string(let text) = key, text.bytes.elementsEqual(name.utf8) { return values[place] }
        }
        return nil
    }

    /// Key and value pairs as tuples.
    var items: [TemplateValue] {
        zip(keys, values).map { .list(TemplateList([$0, $1], kind: .tuple)) }
    }
}

/// Collects entries; of equal keys the first keeps its place and the last its value.
struct TemplateDictionaryBuilder {
    private var keys: [TemplateValue] = []
    private var values: [TemplateValue] = []
    private var places: [TemplateKey: Int] = [:]

    /// Sets the entry at `index`, the key that `key` is.
    mutating func set(_ index: TemplateKey, _ key: TemplateValue, _ value: TemplateValue) {
        if let place = places[index] {
            values[place] = value
        } else {
            places[index] = keys.count
            keys.append(key)
            values.append(value)
        }
    }

    var dictionary: TemplateDictionary { TemplateDictionary(keys: keys, values: values) }
}
