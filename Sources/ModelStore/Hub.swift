import Foundation
import OrderedJSON

/// A server that speaks the Hugging Face hub's protocol.
public struct Hub: Sendable {
    /// What is known of a file before it is fetched.
    struct RemoteFile: Sendable {
        let name: String
        let url: String
        let bytes: Int
        /// The entity tag: 64 hexadecimal digits are a SHA-256, 40 a git blob's SHA-1, a node's are a Merkle root; anything
        /// else says nothing.
        let tag: String
    }

    private let endpoint: String
    private let token: String?
    private let transport: any Transport

    /// A hub.
    /// - Parameters:
    ///   - endpoint: such as `https://huggingface.co` or `http://node:8080`.
    ///   - token: sent to that host only, never where it redirects to.
    public init(endpoint: String, token: String?, transport: any Transport) {
        self.endpoint = endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
        self.token = token
        self.transport = transport
    }

    private static let answerBytes = 8 << 20
    /// 16 TiB: far above any weight file, and sums of thousands of them don't overflow.
    private static let fileBytes = 1 << 44

    /// The files of a repository, and the commit that they belong to.
    func files(of reference: HubReference) async throws -> (names: [String], commit: String) {
        let url = "\(endpoint)/api/models/\(reference.repository)/revision/\(reference.revision)"
        let response = try await send("GET", url)
        guard response.status == 200 else {
            throw HubError.refused(what: reference.repository, status: response.status)
        }
        var bytes: [UInt8] = []
        for try await piece in response.body {
            bytes += piece
            guard bytes.count <= Self.answerBytes else {
                throw HubError.badAnswer(
                    what: reference.repository, reason: "it is longer than \(Self.answerBytes >> 20) MiB")
            }
        }
        let limits = JSONLimits(bytes: Self.answerBytes, depth: 32, values: 400_000)
        guard let value = try? JSONValue(parsing: bytes, limits: limits), let commit = value["sha"]?.string,
            HubReference.isComponent(commit), let siblings = value["siblings"]?.array
        else { throw HubError.badAnswer(what: reference.repository, reason: "'sha' and 'siblings' are missing") }
        // Files in inner folders, and names that are no plain component, belong to no model that is taken here.
        return (siblings.compactMap { $0["rfilename"]?.string }.filter(HubReference.isComponent), commit)
    }

    /// Size and tag of a file.
    func file(_ name: String, of repository: String, commit: String) async throws -> RemoteFile {
        let url = "\(endpoint)/\(repository)/resolve/\(commit)/\(name)"
        let response = try await send("HEAD", url)
        guard response.status == 200 || (300..<400).contains(response.status) else {
            throw HubError.refused(what: name, status: response.status)
        }
        guard let size = (response.headers["x-linked-size"] ?? response.headers["content-length"]).flatMap({ Int($0) }),
            (0...Self.fileBytes).contains(size)
        else { throw HubError.badAnswer(what: name, reason: "it names no size that a file may have") }
        guard let tag = response.headers["x-linked-etag"] ?? response.headers["etag"] else {
            throw HubError.badAnswer(what: name, reason: "it names no entity tag")
        }
        let bare = (tag.hasPrefix("W/") ? String(tag.dropFirst(2)) : tag).filter { $0 != "\"" }.lowercased()
        return RemoteFile(name: name, url: url, bytes: size, tag: bare)
    }

    /// The body of a file from byte `offset`, wherever the hub redirects to.
    /// - Returns: the bytes, and whether they begin at `offset` rather than at 0.
    func body(of file: RemoteFile, from offset: Int) async throws -> (
        AsyncThrowingStream<[UInt8], any Error>, resumes: Bool
    ) {
        let (response, _) = try await follow(
            "GET", file.url, range: offset > 0 ? "bytes=\(offset)-" : nil, for: file.name)
        guard response.status == 200 || response.status == 206 else {
            throw HubError.refused(what: file.name, status: response.status)
        }
        if response.status == 206 {
            guard response.headers["content-range"]?.hasPrefix("bytes \(offset)-") == true else {
                throw HubError.badAnswer(what: file.name, reason: "it sends another range than was asked for")
            }
        }
        return (response.body, response.status == 206)
    }

    /// The bytes of a file in a range, wherever the hub redirects to.
    /// - Parameter address: where it redirected to before.
    /// - Returns: the bytes, and where it redirected to.
    func body(
        of file: RemoteFile, _ range: Range<Int>, at address: String?
    ) async throws -> (AsyncThrowingStream<[UInt8], any Error>, address: String) {
        let (response, last) = try await follow(
            "GET", address ?? file.url, range: "bytes=\(range.lowerBound)-\(range.upperBound - 1)", for: file.name)
        guard response.status == 206 else { throw HubError.refused(what: file.name, status: response.status) }
        guard response.headers["content-range"]?.hasPrefix("bytes \(range.lowerBound)-") == true else {
            throw HubError.badAnswer(what: file.name, reason: "it sends another range than was asked for")
        }
        return (response.body, last)
    }

    /// Size of a file at any address, which has the digest `sha256` (64 hexadecimal digits).
    func file(at address: String, sha256: String) async throws -> RemoteFile {
        let (response, _) = try await follow("HEAD", address, for: address)
        guard response.status == 200 else { throw HubError.refused(what: address, status: response.status) }
        guard let size = response.headers["content-length"].flatMap({ Int($0) }), (0...Self.fileBytes).contains(size)
        else { throw HubError.badAnswer(what: address, reason: "it names no size that a file may have") }
        return RemoteFile(name: ModelManifest.singleFileName, url: address, bytes: size, tag: sha256)
    }

    /// The first answer that is no redirection, and its address.
    private func follow(
        _ method: String, _ address: String, range: String? = nil, for what: String
    ) async throws -> (TransportResponse, address: String) {
        var url = address
        for _ in 0..<5 {
            let response = try await send(method, url, range: range)
            guard let next = try Self.redirection(response, of: url, for: what) else { return (response, url) }
            url = next
        }
        throw HubError.badAnswer(what: what, reason: "it redirects in circles")
    }

    /// Where an answer redirects to, if it does.
    private static func redirection(_ response: TransportResponse, of url: String, for what: String) throws(HubError)
        -> String?
    {
        guard (300..<400).contains(response.status), let location = response.headers["location"] else { return nil }
        guard let next = URL(string: location, relativeTo: URL(string: url))?.absoluteString,
            next.hasPrefix("http://") || next.hasPrefix("https://")
        else { throw .badAnswer(what: what, reason: "it redirects to no address") }
        guard !(url.hasPrefix("https://") && next.hasPrefix("http://")) else {
            throw .badAnswer(what: what, reason: "it redirects from https to http")
        }
        return next
    }

    private func send(_ method: String, _ url: String, range: String? = nil) async throws -> TransportResponse {
        var headers: [(name: String, value: String)] = [("user-agent", "hybrie"), ("accept-encoding", "identity")]
        if let range { headers.append(("range", range)) }
        // The token is the hub's own: another host, or the same name on another port, must not see it.
        if let token, url.hasPrefix("\(endpoint)/") { headers.append(("authorization", "Bearer \(token)")) }
        return try await transport.send(TransportRequest(method: method, url: url, headers: headers))
    }
}
