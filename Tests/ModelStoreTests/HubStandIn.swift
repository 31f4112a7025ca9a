import Crypto
import Foundation
import ModelStore
import Synchronization

/// A hub in memory that speaks the protocol of the Hugging Face hub: names and commit, HEAD with the linked entity tag and
/// size, redirects to another host for large files, ranges.
final class HubStandIn: Transport {
    /// What goes wrong, if anything.
    struct Faults: Sendable {
        /// Bodies end with an error after so many bytes.
        var cutAfter: Int?
        /// The byte at this place arrives changed.
        var flippedByte: Int?
        /// Ranges are answered with the whole file.
        var ignoresRanges = false
        /// What is named as the size of every file.
        var claimedBytes: Int?
        /// Names that are listed besides the files.
        var extraNames: [String] = []
        /// What is named as the commit.
        var commit: String?
        /// Runs before each body is sent.
        var beforeBody: (@Sendable () async -> Void)?
    }
    /// A request that came.
    struct Seen: Sendable {
        let method: String
        let url: String
        let range: String?
        let token: String?
    }
    struct Cut: Error {}

    static let endpoint = "http://hub.test:8080"
    static let storage = "https://cdn.test"
    static let commit = String(repeating: "c", count: 40)

    private let files: [String: [UInt8]]
    private let state = Mutex((faults: Faults(), seen: [Seen]()))

    init(_ files: [String: [UInt8]]) { self.files = files }

    var faults: Faults {
        get { state.withLock { $0.faults } }
        set { state.withLock { $0.faults = newValue } }
    }
    var seen: [Seen] { state.withLock { $0.seen } }
    /// The ranges of the bodies that were fetched; `nil` for a whole file.
    var bodyRanges: [String?] { seen.filter { $0.url.hasPrefix(Self.storage) }.map(\.range) }

    func hub(token: String? = nil) -> Hub { Hub(endpoint: Self.endpoint, token: token, transport: self) }

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        func header(_ name: String) -> String? { request.headers.first { $0.name == name }?.value }
        state.withLock {
            $0.seen.append(
                Seen(
                    method: request.method, url: request.url, range: header("range"), token: header("authorization")))
        }
        let faults = faults
        if request.url.hasPrefix("\(Self.endpoint)/api/models/") {
            let siblings = (files.keys.sorted() + faults.extraNames).map { ["rfilename": $0] }
            let manifest: [String: Any] = ["sha": faults.commit ?? Self.commit, "siblings": siblings]
            return answer(200, body: Array(try JSONSerialization.data(withJSONObject: manifest)))
        }
        guard let name = request.url.prefix(while: { $0 != "?" }).split(separator: "/").last.map(String.init),
            let content = files[name]
        else {
            return answer(404, ["x-error-code": "EntryNotFound"])
        }
        let isLarge = name.hasSuffix(".gguf") || name.hasSuffix(".safetensors")
        if request.method == "HEAD", request.url.hasPrefix(Self.storage) {
            return answer(200, ["content-length": "\(faults.claimedBytes ?? content.count)"])
        }
        if request.method == "HEAD" {
            var headers = ["x-repo-commit": Self.commit, "etag": "\"\(Self.gitDigest(content))\""]
            headers["content-length"] = "\(faults.claimedBytes ?? content.count)"
            if isLarge {
                headers["x-linked-etag"] = "\"\(Self.digest(content))\""
                headers["x-linked-size"] = "\(faults.claimedBytes ?? content.count)"
                headers["location"] = "\(Self.storage)/\(name)"
            }
            return answer(isLarge ? 302 : 200, headers)
        }
        if isLarge, request.url.hasPrefix(Self.endpoint) { return answer(302, ["location": "\(Self.storage)/\(name)"]) }
        await faults.beforeBody?()
        return body(of: content, range: header("range"), faults)
    }

    private func body(of content: [UInt8], range: String?, _ faults: Faults) -> TransportResponse {
        var content = content
        if let place = faults.flippedByte, content.indices.contains(place) { content[place] ^= 1 }
        let start = faults.ignoresRanges ? 0 : range.flatMap { Int($0.dropFirst("bytes=".count).dropLast()) } ?? 0
        let rest = Array(content[min(start, content.count)...])
        let headers = start > 0 ? ["content-range": "bytes \(start)-\(content.count - 1)/\(content.count)"] : [:]
        return answer(start > 0 ? 206 : 200, headers, body: rest, cutAfter: faults.cutAfter)
    }

    private func answer(
        _ status: Int, _ headers: [String: String] = [:], body: [UInt8] = [], cutAfter: Int? = nil
    ) -> TransportResponse {
        let stream = AsyncThrowingStream<[UInt8], any Error> { continuation in
            let sent = body.prefix(cutAfter ?? body.count)
            for start in stride(from: 0, to: sent.count, by: 1000) {
                continuation.yield(Array(sent[start..<min(start + 1000, sent.count)]))
            }
            continuation.finish(throwing: sent.count < body.count ? Cut() : nil)
        }
        return TransportResponse(status: status, headers: headers, body: stream)
    }

    static func digest(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: Data(bytes)).map { String(format: "%02x", $0) }.joined()
    }
    static func gitDigest(_ bytes: [UInt8]) -> String {
        Insecure.SHA1.hash(data: Data("blob \(bytes.count)\0".utf8) + Data(bytes)).map { String(format: "%02x", $0) }
            .joined()
    }
}

/// A home for one test.
final class TemporaryHome: Sendable {
    let path = NSTemporaryDirectory() + "hybrie-store-\(UUID().uuidString)"
    var store: ModelStore { ModelStore(home: path) }

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// What lies where models are published.
    var published: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/models")) ?? []).sorted()
    }

    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }
}
