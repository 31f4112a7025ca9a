import Foundation
import HTTPTypes
import Hummingbird

/// A file, or the range of it that a request asks for.
struct FileAnswer: Sendable {
    let path: String
    let bytes: Int
    let gate: UploadGate
    /// How long the client may take nothing.
    let patience: Duration
    /// Told of all bytes that are sent.
    let sent: @Sendable (Int) -> Void
    /// Whether all bytes of a range may be sent.
    var holds: @Sendable (Range<Int>) -> Bool = { _ in true }

    /// The answer; 416 for a range that can't be, 404 where the file is gone or bytes of the range aren't here.
    func response(to request: Request, _ context: ConnectionContext) throws -> Response {
        var headers: HTTPFields = [.contentType: "application/octet-stream", .acceptRanges: "bytes"]
        let range: Range<Int>
        switch ByteRange.parse(request.headers[.range], of: bytes) {
        case .whole: range = 0..<bytes
        case .part(let part):
            range = part
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(bytes)"
        case .impossible:
            throw APIError(
                status: .rangeNotSatisfiable, message: "the file has \(bytes) bytes; ask for some of these",
                type: "invalid_request_error", headers: [.contentRange: "bytes */\(bytes)"])
        }
        guard FileManager.default.isReadableFile(atPath: path) else { throw HTTPError(.notFound) }
        guard range.isEmpty || holds(range) else { throw HTTPError(.notFound, message: "these bytes aren't here yet") }
        headers[.contentLength] = "\(range.count)"
        let status: HTTPResponse.Status = headers[.contentRange] == nil ? .ok : .partialContent
        guard request.method != .head, !range.isEmpty else { return Response(status: status, headers: headers) }
        let sender = FileSender(path: path, range: range, channel: context.channel, patience: patience)
        return Response(status: status, headers: headers, body: gate.body(sender, sent: sent))
    }
}

/// What a `Range` header asks for (RFC 9110, section 14): one range of bytes; several in one header are answered whole,
/// as the RFC permits.
package enum ByteRange: Equatable {
    case whole
    case part(Range<Int>)
    case impossible

    package static func parse(_ header: String?, of bytes: Int) -> ByteRange {
        guard let header, header.hasPrefix("bytes=") else { return .whole }
        let spec = header.dropFirst("bytes=".count)
        guard !spec.contains(",") else { return .whole }
        let ends = spec.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return .whole }
        func number(_ text: Substring) -> Int? {
            text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
        }
        if ends[0].isEmpty {
            guard let last = number(ends[1]) else { return .whole }
            return last == 0 || bytes == 0 ? .impossible : .part(max(0, bytes - last)..<bytes)
        }
        guard let first = number(ends[0]) else { return .whole }
        guard first < bytes else { return .impossible }
        guard !ends[1].isEmpty else { return .part(first..<bytes) }
        guard let last = number(ends[1]), last >= first else { return .whole }
        return .part(first..<(last < bytes ? last + 1 : bytes))
    }
}
