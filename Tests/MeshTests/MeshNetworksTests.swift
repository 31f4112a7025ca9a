import Mesh
import Testing

@Suite struct MeshNetworksTests {
    private static func isBadAddress(_ error: MeshError?) -> Bool {
        if case .badAddress = error { true } else { false }
    }

    @Test(arguments: [
        "2130706433", "0x7f.1", "0x7f000001", "127.1", "010.0.0.1", "100.064.0.1", "0100.64.0.1", "100.64.0.1 ",
        " 100.64.0.1", "100.64.0.1\n", "100.64.0.1\u{0}.example", "fd7a:115c:a1e0::1%eth0", "fe80::1%1",
        "user@100.64.0.1", "user:word@100.64.0.1:80", "unix:/var/run/docker.sock", "unix:", "localhost", "node.ts.net",
        "localhost:8080", "http://100.64.0.1", "http://100.64.0.1:80/", "100.64.0.1/", "100.64.0.1#", "100.64.0.1?a",
        "", ":", ":80", "100.64.0.1:", "100.64.0.1:0", "100.64.0.1:65536", "100.64.0.1:080", "100.64.0.1:+80",
        "100.64.0.1:-1", "100.64.0.1:80:80", "100.64.0.1:99999999999999999999", "100.64.0.1:8０", "１００.64.0.1",
        "[100.64.0.1]:80", "[100.64.0.1]", "[fd7a:115c:a1e0::1", "[fd7a:115c:a1e0::1]80", "[fd7a:115c:a1e0::1]:",
        "[]", "[]:80", "[fd7a:115c:a1e0::1]:80]", "fd7a:115c:a1e0::1::2", "fd7a:115c:a1e0:::1", "100.64.0",
        "100.64.0.256",
        "100.64.0.1.1", "[", "]", "[\u{301}fd7a::1]:80",
    ])
    func `what isn't plainly an address is none`(text: String) {
        let error = #expect(throws: MeshError.self) { try MeshNetworks.tailnet.check(text, defaultPort: 8080) }
        #expect(Self.isBadAddress(error), "\(text): \(String(describing: error))")
    }

    @Test(arguments: [
        "127.0.0.1", "127.0.0.1:8080", "127.255.255.254", "::1", "[::1]:80", "0.0.0.0", "0.0.0.1", "::", "[::]:80",
        "::ffff:127.0.0.1", "[::ffff:127.0.0.1]:80", "::ffff:7f00:1", "::ffff:169.254.169.254", "169.254.169.254",
        "169.254.0.1", "fe80::1", "febf::1", "224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "10.0.0.1",
        "192.168.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "fd7a:115c:a1df:ffff:ffff:ffff:ffff:ffff",
        "fd7a:115c:a1e1::", "2001:db8::1", "::127.0.0.1", "64:ff9b::7f00:1",
    ])
    func `addresses outside the tailnet are refused`(text: String) {
        #expect(throws: MeshError.refusedAddress(text)) { try MeshNetworks.tailnet.check(text, defaultPort: 8080) }
    }

    @Test(arguments: [
        ("100.64.0.0", "100.64.0.0:8080"), ("100.127.255.255:1", "100.127.255.255:1"),
        ("100.64.0.1:65535", "100.64.0.1:65535"), ("::ffff:100.64.0.1", "100.64.0.1:8080"),
        ("[::ffff:100.64.0.1]:81", "100.64.0.1:81"), ("fd7a:115c:a1e0::", "[fd7a:115c:a1e0::]:8080"),
        ("[fd7a:115c:a1e0::1]:80", "[fd7a:115c:a1e0::1]:80"), ("[FD7A:115C:A1E0:0::1]", "[fd7a:115c:a1e0::1]:8080"),
        ("fd7a:115c:a1e0:ffff:ffff:ffff:ffff:ffff", "[fd7a:115c:a1e0:ffff:ffff:ffff:ffff:ffff]:8080"),
    ])
    func `the tailnet's own addresses pass, in one spelling`(text: String, spelling: String) throws {
        let address = try MeshNetworks.tailnet.check(text, defaultPort: 8080)
        #expect(address.text == spelling)
        #expect(address.url == "http://\(spelling)")
        #expect(try NodeAddress(address.text, defaultPort: 1) == address)
    }

    @Test func `an IPv4 address inside IPv6 is the same address`() {
        #expect(IPAddress("::ffff:100.64.0.1") == IPAddress("100.64.0.1"))
        #expect(IPAddress(v6: 0, 0xffff_6440_0001) == IPAddress(v4: 0x6440_0001))
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
        ("192.168.4.0/22", "192.168.4.0", "192.168.7.255", "192.168.3.255", "192.168.8.0"),
        ("10.1.2.3/32", "10.1.2.3", "10.1.2.3", "10.1.2.2", "10.1.2.4"),
        ("10.1.2.3", "10.1.2.3", "10.1.2.3", "10.1.2.2", "10.1.2.4"),
        ("128.0.0.0/1", "128.0.0.0", "223.255.255.255", "126.255.255.255", "1.0.0.0"),
        ("2001:db8::/33", "2001:db8::", "2001:db8:7fff::", "2001:db7:ffff::", "2001:db8:8000::"),
        ("2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", "2001:db7::", "2001:db8:0:1::"),
        ("2001:db8::/65", "2001:db8::", "2001:db8::7fff:ffff:ffff:ffff", "2001:db7::", "2001:db8:0:0:8000::"),
        ("2001:db8::/127", "2001:db8::", "2001:db8::1", "2001:db7::", "2001:db8::2"),
        ("2001:db8::5", "2001:db8::5", "2001:db8::5", "2001:db8::4", "2001:db8::6"),
    ])
    func `a network ends where its prefix says`(
        network: String, first: String, last: String, before: String, after: String
    ) throws {
        let networks = try MeshNetworks(list: [network])
        for inside in [first, last] { #expect(networks.permits(try #require(IPAddress(inside))), "\(inside)") }
        for outside in [before, after] { #expect(!networks.permits(try #require(IPAddress(outside))), "\(outside)") }
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/0x8",
        "10.0.0.0/255.0.0.0", "10.0.0.1/8", "10.0.0.0/1000", "2001:db8::/129", "2001:db8::1/64", "2001:db8::1/127",
        "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/8", "::ffff:10.0.0.1", "lan", "*", "10.*", "10.0.0.0:80", "1.0.0.0/0",
    ])
    func `what isn't plainly a network is none`(text: String) {
        #expect(Self.isBadAddress(#expect(throws: MeshError.self) { try MeshNetworks(list: ["10.0.0.0/8", text]) }))
        #expect(throws: MeshError.self) { try MeshNetworks(list: [text]) }
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "255.255.255.255", "127.0.0.1", "::", "::1", "fe80::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0",
    ])
    func `no wide network opens what no node can have, nor this machine`(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(!(try MeshNetworks(list: ["0.0.0.0/0", "::/0"])).permits(address))
        guard !address.isLoopback else { return }
        #expect(!(try MeshNetworks(list: [address.text])).permits(address))
    }

    @Test func `the loopback is open if it is listed by itself`() throws {
        let networks = try MeshNetworks(
            list: ["100.64.0.0/10", "fd7a:115c:a1e0::/48", "127.0.0.0/8", "::1"])
        for text in ["127.0.0.1", "127.9.9.9:80", "::1", "[::1]:80", "::ffff:127.0.0.1", "100.64.0.1"] {
            #expect(throws: Never.self) { try networks.check(text, defaultPort: 8080) }
        }
        #expect(throws: MeshError.refusedAddress("10.0.0.1")) { try networks.check("10.0.0.1", defaultPort: 8080) }
        let one = try MeshNetworks(list: ["127.0.0.1/32"])
        #expect(throws: MeshError.refusedAddress("127.0.0.2")) { try one.check("127.0.0.2", defaultPort: 8080) }
    }

    @Test func `no list permits nothing`() throws {
        #expect(!(try MeshNetworks(list: [])).permits(IPAddress(v4: 0x6440_0001)))
    }

    @Test func `an error shows nothing that moves the cursor, and not all of a long text`() {
        let text = MeshError.refusedAddress("\u{1b}[2J\n" + String(repeating: "x", count: 100_000)).description
        #expect(text.utf8.count < 500)
        #expect(!text.unicodeScalars.contains { $0.value < 32 })
        #expect(text.contains("HYBRIE_MESH_ALLOW"))
    }
}
