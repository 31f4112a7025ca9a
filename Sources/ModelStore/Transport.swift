/// How bytes come from other machines; handed in, so that one guard owns all connections and tests play the hub.
public protocol Transport: Sendable {
    /// Sends a request; redirects are answers like any other.
    func send(_ request: TransportRequest) async throws -> TransportResponse
}

/// A request to a hub or another node.
public struct TransportRequest: Sendable {
    /// GET, HEAD or POST.
    public let method: String
    /// Absolute address.
    public let url: String
    /// Header fields.
    public let headers: [(name: String, value: String)]
    /// What is sent with it.
    public let body: [UInt8]

    /// A request.
    public init(method: String, url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// What a hub or another node answers.
public struct TransportResponse: Sendable {
    /// The HTTP status.
    public let status: Int
    /// Header fields by lower-case name.
    public let headers: [String: String]
    /// The body, piece by piece.
    public let body: AsyncThrowingStream<[UInt8], any Error>

    /// An answer made by a transport.
    public init(status: Int, headers: [String: String], body: AsyncThrowingStream<[UInt8], any Error>) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
