import Foundation
import Synchronization

/// Looks at a process's sockets in `/proc`; a connection shorter than the pause between two looks can be missed.
final class SocketSampler: Sendable {
    private struct State {
        var looks = 0
        var places: [String: (family: String, isLocal: Bool, count: Int)] = [:]
    }
    private let pid: Int32
    private let state = Mutex(State())

    init(pid: Int32) { self.pid = pid }

    /// Takes down what is connected now.
    func look() {
        let own = inodes()
        var found: [(family: String, address: String, isLocal: Bool)] = []
        for (table, family) in [("tcp", "AF_INET"), ("udp", "AF_INET"), ("tcp6", "AF_INET6"), ("udp6", "AF_INET6")] {
            let text = (try? String(contentsOfFile: "/proc/\(pid)/net/\(table)", encoding: .utf8)) ?? ""
            for line in text.split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                guard fields.count > 9, own.contains(String(fields[9])) else { continue }
                let remote = String(fields[2])
                guard !remote.hasSuffix(":0000") else { continue }
                found.append((family, remote, Self.isLocal(remote)))
            }
        }
        state.withLock { state in
            state.looks += 1
            for place in found {
                state.places[place.address, default: (place.family, place.isLocal, 0)].count += 1
            }
        }
    }

    private func inodes() -> Set<String> {
        let folder = "/proc/\(pid)/fd"
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return Set(
            files.compactMap { file in
                guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(file)"),
                    target.hasPrefix("socket:[")
                else { return nil }
                return String(target.dropFirst(8).dropLast())
            })
    }

    /// Whether an address as `/proc/net/tcp` writes it (hexadecimal, words in the machine's order) is a loopback one.
    static func isLocal(_ text: String) -> Bool {
        let parts = text.split(separator: ":")
        guard let address = parts.first, parts.count == 2, parts[1] != "0035" else { return false }
        return switch address.count {
        case 8: address.hasSuffix("7F")
        case 32:
            address == "00000000000000000000000001000000"
                || address.hasPrefix("0000000000000000FFFF0000") && address.hasSuffix("7F")
        default: false
        }
    }

    var evidence: LocalProof.Evidence {
        state.withLock { state in
            LocalProof.Evidence(
                method:
                    "strace isn't installed, so the sockets were looked at \(state.looks) times; very short connections "
                    + "can be missed (install strace for a proof). Remote addresses, as /proc writes them:",
                destinations: state.places.map { (family: $0.value.family, address: $0.key, calls: $0.value.count) },
                offending: state.places.filter { !$0.value.isLocal }.map { "\($0.value.family) \($0.key)" })
        }
    }
}
