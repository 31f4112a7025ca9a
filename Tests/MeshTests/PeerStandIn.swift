import Foundation
import Mesh
import ModelStore
import OrderedJSON
import Synchronization

/// Nodes in memory that pass on one model, each with its own fault, reached by their addresses.
final class PeerStandIns: Transport {
    /// What a node does wrong.
    enum Fault: Sendable {
        case none
        /// One byte of each chunk is another one.
        case flips
        /// Sends another chunk than was asked for.
        case mixesUp
        /// Sends a byte more than was asked for.
        case sendsMore
        /// Says that it has all and has none.
        case hasNothing
        /// Has all but the last of the chunks that it says it has.
        case lacksLast
        /// A byte a second.
        case drips
        /// Doesn't answer.
        case silent
        /// Ends in the middle of each chunk.
        case cuts
    }

    let manifest: ModelManifest
    private let content: [UInt8]
    private let faults: [String: Fault]
    private let served = Mutex<[String: Int]>([:])

    /// Nodes at 100.64.0.1, .2 and so on, with these faults.
    init(_ content: [UInt8], _ faults: [Fault]) {
        self.content = content
        let chunks = stride(from: 0, to: content.count, by: ModelManifest.chunkBytes).map {
            MerkleTree.leaf(Array(content[$0..<min($0 + ModelManifest.chunkBytes, content.count)]))
        }
        manifest = ModelManifest(
            kind: .file,
            files: [ModelManifest.File(name: ModelManifest.singleFileName, bytes: content.count, chunks: chunks)])
        self.faults = Dictionary(uniqueKeysWithValues: faults.enumerated().map { (Self.host($0.offset), $0.element) })
    }

    static func host(_ number: Int) -> String { "100.64.0.\(number + 1)" }

    var sources: [SwarmSource] {
        faults.keys.sorted().compactMap { host in
            (try? NodeAddress(host, defaultPort: 8080)).map { SwarmSource(id: host, address: $0) }
        }
    }

    /// How many chunks each node has sent.
    var chunksServed: [String: Int] { served.withLock { $0 } }

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        let host = String(request.url.dropFirst("http://".count).prefix { $0 != ":" })
        guard let fault = faults[host] else { return Self.answer(404) }
        if case .silent = fault { try await Task.sleep(for: .seconds(3600)) }
        if request.url.hasSuffix("/have") {
            return Self.answer(200, ChunkSet(chunkCount: manifest.chunkCount, isFull: true).bytes)
        }
        guard let range = request.headers.first(where: { $0.name == "range" })?.value else { return Self.answer(404) }
        let ends = range.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
        served.withLock { $0[host, default: 0] += 1 }
        return answer(fault, ends[0]...ends[1])
    }

    private func answer(_ fault: Fault, _ range: ClosedRange<Int>) -> TransportResponse {
        var bytes = Array(content[range])
        switch fault {
        case .none, .silent: break
        case .flips: bytes[bytes.count / 2] ^= 1
        case .mixesUp: bytes = Array(content[..<bytes.count].reversed())
        case .sendsMore: bytes.append(0)
        case .hasNothing: return Self.answer(404)
        case .lacksLast: if range.upperBound == content.count - 1 { return Self.answer(404) }
        case .drips:
            return TransportResponse(
                status: 206, headers: [:],
                body: AsyncThrowingStream {
                    try await Task.sleep(for: .seconds(1))
                    return [1]
                })
        case .cuts:
            struct Cut: Error {}
            let sent = Array(bytes.prefix(bytes.count / 2))
            return TransportResponse(
                status: 206, headers: [:],
                body: AsyncThrowingStream { continuation in
                    continuation.yield(sent)
                    continuation.finish(throwing: Cut())
                })
        }
        return Self.answer(206, bytes)
    }

    static func answer(_ status: Int, _ bytes: [UInt8] = []) -> TransportResponse {
        TransportResponse(
            status: status, headers: ["content-length": "\(bytes.count)"],
            body: AsyncThrowingStream { continuation in
                continuation.yield(bytes)
                continuation.finish()
            })
    }
}
