/// What `strace -f -e trace=connect,sendto,sendmsg,sendmmsg` wrote about a process, read for where its bytes could go.
package struct ConnectTrace: Sendable {
    /// Where a call was addressed to.
    package struct Destination: Hashable, Sendable {
        /// `AF_INET`, `AF_INET6`, `AF_UNIX`, `AF_NETLINK` and so on.
        package let family: String
        /// Address and port, or the path of a socket; empty where there is none.
        package let address: String
        /// Whether what is sent there stays on this machine.
        package let isLocal: Bool
    }

    /// How many calls there were in all, those on sockets without a destination of their own among them.
    package private(set) var calls = 0
    /// Calls by destination.
    package private(set) var destinations: [Destination: Int] = [:]
    /// The lines that show something leaving the machine, or something that can't be told.
    package private(set) var offending: [String] = []

    /// Strace's calls to ask for. io_uring could connect unseen, so its mere use is noted.
    package static let tracedCalls = "connect,sendto,sendmsg,sendmmsg,io_uring_setup"

    /// Reads a whole trace.
    package init(_ text: String) {
        for line in text.split(separator: "\n") { read(String(line)) }
    }

    private mutating func read(_ line: String) {
        // The second half of a call that was interrupted: its arguments stood in the first.
        guard !line.contains(" resumed>") else { return }
        guard let name = Self.callName(line) else { return }
        calls += 1
        if name == "io_uring_setup" {
            offending.append(line)
            return
        }
        let found = Self.destinations(in: line)
        for destination in found { destinations[destination, default: 0] += 1 }
        let unreadable = name == "connect" && found.isEmpty
        if unreadable || found.contains(where: { !$0.isLocal }) { offending.append(line) }
    }

    /// The name of the call in a line such as `1234 connect(3, …`; `nil` for lines about signals and exits.
    private static func callName(_ line: String) -> String? {
        let call = line.drop { $0.isNumber || $0 == " " }.prefix { $0 != "(" }
        return ["connect", "sendto", "sendmsg", "sendmmsg", "io_uring_setup"].first { call == $0 }
    }

    /// The socket addresses in a line; what stands inside of sent data is not taken for one.
    private static func destinations(in line: String) -> [Destination] {
        let pieces = Self.pieces(of: line)
        var destinations: [Destination] = []
        for (index, piece) in pieces.enumerated() where !piece.isQuoted {
            // Several addresses may follow each other where no quoted text lies between them.
            for part in piece.text.components(after: "sa_family=") {
                let family = String(part.prefix { $0.isLetter || $0.isNumber || $0 == "_" })
                let port = part.components(after: "htons(").first.map { String($0.prefix { $0.isNumber }) } ?? ""
                // The quoted text after it is the address, if the piece ends with the function that strace writes it in.
                let opens = ["inet_addr(", "inet_pton(AF_INET6, ", "sun_path=", "sun_path=@"].contains {
                    part.hasSuffix($0)
                }
                let quoted = opens && index + 1 < pieces.count ? pieces[index + 1].text : ""
                destinations.append(destination(family: family, port: port, text: quoted))
            }
        }
        return destinations
    }

    private static func destination(family: String, port: String, text: String) -> Destination {
        switch family {
        case "AF_UNIX", "AF_LOCAL": Destination(family: family, address: text, isLocal: true)
        // The kernel of this machine; and the undoing of an earlier connect.
        case "AF_NETLINK", "AF_UNSPEC": Destination(family: family, address: "", isLocal: true)
        case "AF_INET":
            Destination(family: family, address: "\(text):\(port)", isLocal: text.hasPrefix("127.") && port != "53")
        case "AF_INET6":
            Destination(
                family: family, address: "[\(text)]:\(port)",
                // A name server on loopback asks others on: port 53 is never local.
                isLocal: (text == "::1" || text.hasPrefix("::ffff:127.")) && port != "53")
        default: Destination(family: family, address: text, isLocal: false)
        }
    }

    /// A line cut at its quotes.
    private static func pieces(of line: String) -> [(text: String, isQuoted: Bool)] {
        var pieces: [(text: String, isQuoted: Bool)] = []
        var (text, isQuoted, isEscaped) = ("", false, false)
        for character in line {
            if isQuoted, isEscaped {
                text.append(character)
                isEscaped = false
            } else if isQuoted, character == "\\" {
                text.append(character)
                isEscaped = true
            } else if character == "\"" {
                pieces.append((text, isQuoted))
                (text, isQuoted) = ("", !isQuoted)
            } else {
                text.append(character)
            }
        }
        pieces.append((text, isQuoted))
        return pieces
    }
}

extension String {
    /// What follows each occurrence of `mark`, up to the next one.
    fileprivate func components(after mark: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: mark) {
            rest = rest[range.upperBound...]
            parts.append(String(rest.firstRange(of: mark).map { rest[..<$0.lowerBound] } ?? rest))
        }
        return parts
    }
}
