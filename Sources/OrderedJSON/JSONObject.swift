/// The members of a JSON object in the order they were written.
public struct JSONObject: Sendable {
    /// Keys and values in order.
    public private(set) var entries: [(key: String, value: JSONValue)]
    /// Places by key, kept only where a linear search would be slow.
    private var places: [UTF8Key: Int]?

    private static let linearSearchEntries = 16

    /// An object of `entries`; of equal keys the last one wins, at the first one's place.
    public init(_ entries: [(String, JSONValue)] = []) {
        self.entries = []
        self.entries.reserveCapacity(entries.count)
        for (key, value) in entries { self[key] = value }
    }

    /// How many members there are.
    public var count: Int { entries.count }
    /// Whether there are no members.
    public var isEmpty: Bool { entries.isEmpty }
    /// The keys in order.
    public var keys: [String] { entries.map(\.key) }

    /// The value of `key`, compared byte by byte; setting `nil` removes the member.
    public subscript(key: String) -> JSONValue? {
        get { place(of: key).map { entries[$0].value } }
        set {
            switch (place(of: key), newValue) {
            case (let place?, let value?): entries[place].value = value
            case (let place?, nil):
                entries.remove(at: place)
                places = nil
                indexIfLarge()
            case (nil, let value?): append(key, value)
            case (nil, nil): break
            }
        }
    }

    /// Whether there is a member named `key`.
    public func contains(_ key: String) -> Bool { place(of: key) != nil }

    /// Adds a member that is known to be new.
    mutating func append(_ key: String, _ value: JSONValue) {
        entries.append((key, value))
        if places != nil {
            places?[UTF8Key(key)] = entries.count - 1
        } else {
            indexIfLarge()
        }
    }

    private mutating func indexIfLarge() {
        guard places == nil, entries.count > Self.linearSearchEntries else { return }
        var index = [UTF8Key: Int](minimumCapacity: entries.count * 2)
        for (place, entry) in entries.enumerated() { index[UTF8Key(entry.key)] = place }
        places = index
    }

    private func place(of key: String) -> Int? {
        if let places { return places[UTF8Key(key)] }
        return entries.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
    }
}

extension JSONObject: Equatable {
    /// Equal if both have the same keys with equal values, in any order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.entries.allSatisfy { right[$0.key] == $0.value }
    }
}

/// A string compared by its bytes: `String`'s own equality holds "é" and "e" + U+0301 for the same key.
public struct UTF8Key: Hashable, Sendable {
    /// The text that is the key.
    public let text: String

    /// A key of `text`.
    public init(_ text: String) { self.text = text }

    /// Whether both have the same bytes.
    public static func == (left: UTF8Key, right: UTF8Key) -> Bool {
        // On the bytes themselves: a vocabulary is compared hundreds of thousands of times.
        var (left, right) = (left.text, right.text)
        return left.withUTF8 { left in right.withUTF8 { right in unsafe left.elementsEqual(right) } }
    }

    /// Feeds what equality compares.
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// A value as it is written in the source.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
