import OrderedJSON

/// The check of a chat request without a server, for fuzzers.
package enum ChatRequestCheck {
    /// Whether `bytes` are a chat request that would be taken.
    package static func takes(_ bytes: [UInt8]) -> Bool {
        guard let object = try? JSONValue(parsing: bytes).object else { return false }
        return (try? ChatRequest(object, vocabularySize: 1000)) != nil
    }
}
