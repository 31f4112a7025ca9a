import Foundation

/// An HTTP answer as it came over a socket.
struct RawAnswer {
    let status: Int
    /// By lower-case name; of equal ones the last.
    let headers: [String: String]
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:] }
    /// The members of OpenAI's error envelope, if this is one and nothing else.
    var error: [String: Any]? {
        guard let error = json["error"] as? [String: Any], Set(error.keys) == ["message", "type", "param", "code"],
            error["message"] is String, error["type"] is String
        else { return nil }
        return error
    }
    var message: String { error?["message"] as? String ?? "" }
    var param: String? { error?["param"] as? String }
    var code: String? { error?["code"] as? String }
}

/// A socket to a server on this machine that sends whatever bytes it is told to.
final class RawConnection {
    private let socket: Int32
    private var buffer: [UInt8] = []
    /// How fast it reads, for a reader that is slow.
    var bytesPerSecond: Double?

    /// - Parameter receiveBytes: how much the system keeps for a reader that doesn't read.
    init(port: Int, timeoutSeconds: Int = 30, receiveBytes: Int32? = nil) throws {
        socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var time = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        if var receiveBytes { setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receiveBytes, 4) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw ServerFault(what: "can't connect: \(String(cString: strerror(errno)))") }
    }

    deinit { close() }

    private var isOpen = true
    func close() {
        if isOpen { Foundation.close(socket) }
        isOpen = false
    }

    /// Sends all of it, unless the other side closes.
    /// - Returns: whether all went out.
    @discardableResult func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
    @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// - Returns: false at the end of what the other side sends, or when time is up.
    private func fill() -> Bool {
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        errno = 0
        let count = recv(socket, &piece, piece.count, 0)
        guard count > 0 else { return false }
        buffer += piece[..<count]
        if let bytesPerSecond { usleep(UInt32(Double(count) / bytesPerSecond * 1e6)) }
        return true
    }

    /// Whether the other side closes, whatever it still sends before.
    func isClosed() -> Bool {
        while fill() {}
        return errno != EAGAIN
    }

    /// Reads all that still comes.
    /// - Returns: it, and whether the other side has closed, rather than being silent for too long.
    func rest() -> (bytes: [UInt8], isClosed: Bool) {
        let isClosed = isClosed()
        defer { buffer = [] }
        return (buffer, isClosed)
    }

    /// Reads up to and without `mark`.
    func read(to mark: String) -> [UInt8]? {
        let mark = Array(mark.utf8)
        while true {
            if let range = buffer.firstRange(of: mark) {
                defer { buffer.removeSubrange(..<range.upperBound) }
                return Array(buffer[..<range.lowerBound])
            }
            guard fill() else { return nil }
        }
    }

    /// Reads one answer; `nil` if the other side closes or is silent before it is whole.
    func answer() -> RawAnswer? {
        guard let head = head() else { return nil }
        var body: [UInt8] = []
        if head.headers["transfer-encoding"] == "chunked" {
            while let line = read(to: "\r\n"), let size = Int(String(decoding: line, as: UTF8.self), radix: 16) {
                guard let chunk = take(size), read(to: "\r\n") != nil else { return nil }
                body += chunk
                if size == 0 { break }
            }
        } else if let length = head.headers["content-length"].flatMap({ Int($0) }) {
            guard let all = take(length) else { return nil }
            body = all
        }
        return RawAnswer(status: head.status, headers: head.headers, body: body)
    }

    /// Reads status and headers only.
    func head() -> RawAnswer? {
        guard let head = read(to: "\r\n\r\n") else { return nil }
        let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces) }
        }
        return RawAnswer(status: status, headers: headers, body: [])
    }

    private func take(_ count: Int) -> [UInt8]? {
        while buffer.count < count { guard fill() else { return nil } }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// A whole request as bytes.
    static func request(_ method: String, _ path: String, _ headers: [String: String] = [:], body: [UInt8]? = nil)
        -> [UInt8]
    {
        var all = ["Host": "127.0.0.1", "Connection": "close"].merging(headers) { $1 }
        if let body { all["Content-Length"] = all["Content-Length"] ?? "\(body.count)" }
        let lines = ["\(method) \(path) HTTP/1.1"] + all.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        return Array((lines + ["", ""]).joined(separator: "\r\n").utf8) + (body ?? [])
    }
}

extension RunningServer {
    /// One request on a connection of its own.
    func ask(_ method: String, _ path: String, _ headers: [String: String] = [:], body: [UInt8]? = nil) throws
        -> RawAnswer
    {
        let connection = try RawConnection(port: port)
        connection.send(RawConnection.request(method, path, headers, body: body))
        guard let answer = connection.answer() else { throw ServerFault(what: "no answer to \(method) \(path)") }
        return answer
    }

    func chat(_ json: String, _ headers: [String: String] = [:]) throws -> RawAnswer {
        try ask("POST", "/v1/chat/completions", headers, body: Array(json.utf8))
    }

    /// A chat whose answer is always the same.
    func goodAnswer() throws -> String {
        let answer = try chat(
            #"{"messages":[{"role":"user","content":"Say hello."}],"temperature":0,"max_tokens":4}"#)
        guard answer.status == 200, let choices = answer.json["choices"] as? [[String: Any]],
            let message = choices.first?["message"] as? [String: Any], let content = message["content"] as? String
        else { throw ServerFault(what: "a good request was answered with \(answer.status): \(answer.text)") }
        return content
    }

    /// A gauge or counter of `/metrics`.
    func metric(_ name: String) throws -> Int {
        let text = try ask("GET", "/metrics").text
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(name){") }
        guard let value = line?.split(separator: " ").last.flatMap({ Int($0) }) else {
            throw ServerFault(what: "no \(name) in the metrics: \(text.prefix(500))")
        }
        return value
    }

    /// Files and connections that the server has open.
    var descriptors: Int {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.processIdentifier)/fd").count
        }
    }
}
