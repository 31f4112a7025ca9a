import OrderedJSON

/// The members with which every request for an answer begins: the model, and whether the answer comes as a stream.
struct RequestHead: Sendable {
    let streams: Bool
    /// Whether the stream's last chunk tells the usage.
    let includesUsage: Bool

    init(_ fields: inout Fields) throws(APIError) {
        // Which model it names was looked at before.
        _ = try fields.string("model")
        streams = try fields.bool("stream") ?? false
        let wish = try fields.object("stream_options")?["include_usage"] ?? .null
        guard let includesUsage = wish.isNull ? false : wish.bool else {
            throw Fields.wrong("stream_options.include_usage", wish, expected: "true or false")
        }
        self.includesUsage = includesUsage
    }
}
