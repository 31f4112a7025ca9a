import Foundation

/// The addresses of this machine.
public enum InterfaceAddresses {
    /// The addresses at which a server that listens on `host` can be reached: this one, or those of all interfaces that
    /// are up if it is the unspecified one.
    public static func reaching(_ host: String) -> [IPAddress] {
        let name = host == "localhost" ? "127.0.0.1" : host
        guard name != "0.0.0.0", name != "::" else { return all.filter { !$0.isLoopback } }
        return IPAddress(name).map { [$0] } ?? []
    }

    /// Where a server of this machine that listens on `host` answers this machine; `nil` if that is none of its addresses.
    public static func own(_ host: String) -> IPAddress? {
        switch host {
        case "0.0.0.0", "localhost": IPAddress("127.0.0.1")
        case "::": IPAddress("::1")
        default: IPAddress(host).flatMap { $0.isLoopback || all.contains($0) ? $0 : nil }
        }
    }

    private static var all: [IPAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&list) == 0 else { return [] }
        defer { unsafe freeifaddrs(list) }
        var addresses: [IPAddress] = []
        var next = unsafe list
        while let interface = unsafe next {
            unsafe next = interface.pointee.ifa_next
            guard let address = unsafe interface.pointee.ifa_addr,
                unsafe interface.pointee.ifa_flags & UInt32(IFF_UP) != 0
            else { continue }
            let family = unsafe Int32(address.pointee.sa_family)
            guard family == AF_INET || family == AF_INET6 else { continue }
            let size = family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
            var text = [CChar](repeating: 0, count: 128)
            guard
                unsafe getnameinfo(
                    address, socklen_t(size), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            else { continue }
            let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            if let ip = IPAddress(String(decoding: bytes, as: UTF8.self)) { addresses.append(ip) }
        }
        return addresses
    }
}
