import Foundation

/// Tries whether an address could be listened on, and lets go of it at once.
enum ListeningTest {
    /// Why `host`:`port` can't be opened; `nil` if it can.
    static func refusal(host: String, port: Int) -> String? {
        var hints = addrinfo()
        #if os(Linux)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        // Numbers only: asking a name server would leave the machine.
        hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE | AI_NUMERICHOST
        var found: UnsafeMutablePointer<addrinfo>?
        let name = host == "localhost" ? "127.0.0.1" : host
        guard getaddrinfo(name, "\(port)", &hints, &found) == 0, let address = found else {
            return "'\(host)' is no address in numbers"
        }
        defer { freeaddrinfo(address) }
        let socket = socket(address.pointee.ai_family, address.pointee.ai_socktype, 0)
        guard socket >= 0 else { return String(cString: strerror(errno)) }
        defer { close(socket) }
        // As the server does, so that ports of connections that are just ending count as free.
        var yes: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard bind(socket, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0, listen(socket, 1) == 0 else {
            return String(cString: strerror(errno))
        }
        return nil
    }
}
