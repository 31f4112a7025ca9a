import ArgumentParser
import Foundation
import OrderedJSON
import Providers

struct Peers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, add and remove the nodes that this machine's server knows.",
        discussion: "These ask the server that runs on this machine, on the port that the settings name.",
        subcommands: [List.self, Add.self, Remove.self, Watch.self, Sync.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the nodes and their models.")
        @Flag(help: "As the server answers.") var json = false
        @OptionGroup var server: ServerFlags

        func run() async throws {
            let answer = try await server.ask("GET", "/v1/peers")
            guard !json else { return print(answer.serialized) }
            print(PeerTable(answer).text)
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a node.", aliases: ["register"])
        @Argument(help: ArgumentHelp("Its IP address, with a port if it isn't 8080.", valueName: "ADDRESS")) var node:
            String
        @OptionGroup var server: ServerFlags

        func run() async throws {
            let answer = try await server.ask("POST", "/v1/peers/register", ["node": .string(node)])
            let peer = answer["peer"]
            print("registered \(peer?["name"]?.string ?? "") (\(peer?["id"]?.string ?? ""))")
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Forget a node until it is added again.", aliases: ["remove"])
        @Argument(help: ArgumentHelp("Its id.", valueName: "ID")) var id: String
        @OptionGroup var server: ServerFlags

        func run() async throws {
            // An id becomes part of a path.
            guard id.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }), !id.isEmpty else {
                throw ValidationError("an id has hexadecimal digits only; 'hybrie peers list' shows them")
            }
            _ = try await server.ask("DELETE", "/v1/peers/\(id)")
            print("removed \(id)")
        }
    }
}

extension Peers {
    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the nodes again whenever something changes, until Ctrl-C.")
        @OptionGroup var server: ServerFlags

        func run() async throws {
            var last = ""
            while true {
                // Times change with every answer; who is there and with what doesn't.
                let text = PeerTable(try await server.ask("GET", "/v1/peers"), showsTimes: false).text
                if text != last { print("\(Date().formatted(.iso8601))\n\(text)\n") }
                last = text
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    struct Sync: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Spread a model of this node to all nodes, and report.",
            discussion: "A node takes it only if its own setting mesh.accept_sync says so.")
        @Argument(help: ArgumentHelp("A model in the store.", valueName: "MODEL")) var model: String
        @Option(help: ArgumentHelp("To which nodes: 'all'.", valueName: "NODES")) var to = "all"
        @OptionGroup var server: ServerFlags

        func validate() throws {
            guard to == "all" else { throw ValidationError("--to takes 'all'; a single node pulls by itself") }
        }

        func run() async throws {
            let answer = try await server.ask("POST", "/v1/peers/sync", ["model": .string(model)])
            var waiting: Set<String> = []
            for peer in answer["peers"]?.array ?? [] {
                let state = peer["state"]?.string ?? ""
                print("\(peer["name"]?.string ?? ""): \(state)")
                if state == "started", let id = peer["id"]?.string { waiting.insert(id) }
            }
            while !waiting.isEmpty {
                try await Task.sleep(for: .seconds(1))
                for peer in try await server.ask("GET", "/v1/peers")["peers"]?.array ?? [] {
                    guard let id = peer["id"]?.string, waiting.contains(id) else { continue }
                    let name = peer["name"]?.string ?? ""
                    if (peer["models"]?.array ?? []).contains(where: { $0["id"]?.string == model }) {
                        print("\(name): has it")
                        waiting.remove(id)
                    } else if peer["status"]?.string == "offline" {
                        print("\(name): went away")
                        waiting.remove(id)
                    }
                }
            }
        }
    }
}

/// Where the server of this machine is, for commands that ask it.
struct ServerFlags: ParsableArguments {
    @Option(help: "Port of the server on this machine.") var port: Int?
    @OptionGroup var machine: MachineFlags

    /// The server's answer.
    /// - Throws: what it says is wrong.
    func ask(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        let configuration = try Configuration(flags: machine, port: port)
        let key = configuration.apiKey ?? KeyFile(home: configuration.home).storedKey
        let answer: (status: Int, body: [UInt8])
        do {
            answer = try await EgressGuard.askOwnServer(
                host: configuration.host, port: configuration.port, method, path, key: key, body: body?.serializedBytes)
        } catch {
            throw ValidationError(
                "no server answers on port \(configuration.port) of this machine; start one with 'hybrie serve', or name its port"
            )
        }
        let json = (try? JSONValue(parsing: answer.body)) ?? .null
        guard answer.status == 200 else {
            throw ValidationError(json["error"]?["message"]?.string ?? "the server answers \(answer.status)")
        }
        return json
    }
}

/// The nodes as lines of text.
struct PeerTable {
    let text: String

    init(_ answer: JSONValue, showsTimes: Bool = true) {
        func line(_ peer: JSONValue, _ status: String) -> [String] {
            let ip = peer["addresses"]?.array?.first?.string ?? "-"
            let address = ip.contains(":") ? "[\(ip)]" : ip
            let models = (peer["models"]?.array ?? []).compactMap { $0["id"]?.string }
            return [
                peer["name"]?.string ?? "", peer["id"]?.string ?? "", status,
                "\(address):\(peer["port"]?.integer ?? 0)",
                showsTimes ? peer["rtt_ms"]?.double.map { String(format: "%.1f ms", $0) } ?? "-" : "",
                models.joined(separator: ", "),
            ]
        }
        var rows = [["NAME", "ID", "STATUS", "ADDRESS", "RTT", "MODELS"]]
        if let own = answer["self"] { rows.append(line(own, "this node")) }
        for peer in answer["peers"]?.array ?? [] { rows.append(line(peer, peer["status"]?.string ?? "")) }
        let widths = (0..<5).map { column in rows.map { $0[column].count }.max() ?? 0 }
        text = rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  ")
                + "  "
                + row[5]
        }.joined(separator: "\n")
    }
}
