import Mesh
import Testing

@Suite struct TailscaleTests {
    private static func status(_ text: String) async throws(MeshError) -> TailscaleStatus {
        try await Tailscale(socket: "/run/test.sock") { _, _ in Array(text.utf8) }.status()
    }

    private static func peer(_ members: String) async throws -> [TailscaleStatus.Node] {
        try await status(#"{"BackendState":"Running","Self":null,"Peer":{"nodekey:ab":{\#(members)}}}"#).nodes
    }

    @Test func `the daemon's answer gives this machine and those that are online`() async throws {
        let status = try await Self.status(
            #"""
            {"BackendState":"Running","Self":{"ID":"n1","TailscaleIPs":["100.64.0.1","fd7a:115c:a1e0::1"]},
             "Peer":{"nodekey:ab":{"ID":"n2","HostName":"b","DNSName":"b.t.ts.net.","OS":"macOS",
              "TailscaleIPs":["100.64.0.2"],"Online":true, "Active":false,"Relay":"fra","Tags":["tag:gpu"]},
             "nodekey:cd":{"ID":"n3","HostName":"b","DNSName":"b-1.t.ts.net.","TailscaleIPs":["100.64.0.3"],"Online":false}}}
            """#)
        #expect(status.isRunning)
        #expect(status.ownAddresses.map(\.text) == ["100.64.0.1", "fd7a:115c:a1e0::1"])
        #expect(
            status.nodes.map { [$0.id, $0.hostName, $0.dnsName] + $0.addresses.map(\.text) } == [
                ["n2", "b", "b.t.ts.net", "100.64.0.2"]
            ])
    }

    @Test func `the status is asked of the given socket`() async throws {
        let daemon = Tailscale(socket: "/run/test.sock") { socket, path in
            Array(#"{"BackendState":"\#(socket) \#(path)"}"#.utf8)
        }
        #expect(try await daemon.status() == TailscaleStatus.notRunning)
        await #expect(throws: MeshError.badAnswer(from: "/run/test.sock", reason: "/localapi/v0/status")) {
            try await Tailscale(socket: "/run/test.sock") { socket, path in
                throw MeshError.badAnswer(from: socket, reason: path)
            }.status()
        }
    }

    @Test(arguments: [
        #"{"BackendState":"Running","Self":null,"Peer":null}"#, #"{"BackendState":"Running"}"#,
        #"{"BackendState":"Running","Self":{"TailscaleIPs":null},"Peer":{}}"#,
        #"{"BackendState":"Running","Self":{},"Peer":{"a":null,"b":{"ID":"n2","Online":true,"TailscaleIPs":null}}}"#,
    ])
    func `nulls and what is missing are empty`(text: String) async throws {
        let status = try await Self.status(text)
        #expect(status.isRunning && status.ownAddresses.isEmpty && status.nodes.isEmpty)
    }

    @Test(arguments: ["Stopped", "NeedsLogin", "NoState", "Starting", "running", ""])
    func `a daemon that isn't running has no nodes`(state: String) async throws {
        let status = try await Self.status(
            #"""
            {"BackendState":"\#(state)","Self":{"TailscaleIPs":["100.64.0.1"]},
             "Peer":{"a":{"ID":"n2","TailscaleIPs":["100.64.0.2"],"Online":true}}}
            """#)
        #expect(status == .notRunning)
    }

    @Test(arguments: [
        "", "null", "[]", "{}", "{", "<html>", #"{"BackendState":1}"#, #"{"BackendState":"Running","Peer":[]}"#,
        #"{"BackendState":"Running","Peer":"x"}"#, #"{"BackendState":"Running"} x"#,
    ])
    func `what is no status is refused`(text: String) async {
        let error = await #expect(throws: MeshError.self) { try await Self.status(text) }
        #expect({ if case .badAnswer("/run/test.sock", _) = error { true } else { false } }(), "\(text)")
    }

    @Test(arguments: [
        #""ID":"n2","Online":true"#, #""ID":"n2","Online":true,"TailscaleIPs":[]"#,
        #""ID":"n2","Online":true,"TailscaleIPs":["host",1,null,"100.64.0.1/32","2130706433"]"#,
        #""ID":"n2","Online":"true","TailscaleIPs":["100.64.0.2"]"#, #""ID":"n2","TailscaleIPs":["100.64.0.2"]"#,
        #""ID":"","Online":true,"TailscaleIPs":["100.64.0.2"]"#, #""ID":7,"Online":true,"TailscaleIPs":["100.64.0.2"]"#,
        #""ID":"a\nb","Online":true,"TailscaleIPs":["100.64.0.2"]"#,
        #""ID":"n2","Online":true,"TailscaleIPs":"100.64.0.2""#,
    ])
    func `a peer that can't be reached or isn't online is passed over`(members: String) async throws {
        #expect(try await Self.peer(members).isEmpty)
    }

    @Test func `names that can't be shown are left out, and addresses end at 16`() async throws {
        let addresses = (1...40).map { "\"100.64.0.\($0)\"" }.joined(separator: ",")
        let node = try #require(
            try await Self.peer(
                #""ID":"n2","Online":true,"HostName":"a\u001b[2J","DNSName":"\#(String(repeating: "x", count: 256))","#
                    + #""TailscaleIPs":[\#(addresses)]"#
            ).first)
        #expect(node.hostName.isEmpty && node.dnsName.isEmpty)
        #expect(node.addresses.count == 16)
    }

    @Test func `more than 10,000 peers or 8 MiB are refused`() async throws {
        func text(_ count: Int) -> String {
            let peers = (0..<count).map { #""\#($0)":{"ID":"n","Online":true,"TailscaleIPs":["100.64.0.2"]}"# }
            return #"{"BackendState":"Running","Peer":{\#(peers.joined(separator: ","))}}"#
        }
        #expect(try await Self.status(text(10_000)).nodes.count == 10_000)
        await #expect(throws: MeshError.self) { try await Self.status(text(10_001)) }
        let long = #"{"BackendState":"Running"}"# + String(repeating: " ", count: 8 << 20)
        await #expect(throws: MeshError.self) { try await Self.status(long) }
        await #expect(throws: MeshError.self) { try await Self.status(String(repeating: "[", count: 1 << 20)) }
    }

    @Test func `a daemon that doesn't answer can't be reached`() async {
        struct Refused: Error {}
        let error = await #expect(throws: MeshError.self) {
            try await Tailscale(socket: "/run/test.sock") { _, _ in throw Refused() }.status()
        }
        #expect({ if case .unreachable("/run/test.sock", _) = error { true } else { false } }())
    }
}
