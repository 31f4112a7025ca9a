import API
import Testing

@Suite struct ByteRangeTests {
    @Test(arguments: [
        (nil, ByteRange.whole), ("bytes=0-0", .part(0..<1)), ("bytes=10-19", .part(10..<20)),
        ("bytes=90-", .part(90..<100)),
        ("bytes=90-1000", .part(90..<100)), ("bytes=-5", .part(95..<100)), ("bytes=-1000", .part(0..<100)),
        ("bytes=100-", .impossible), ("bytes=100-200", .impossible), ("bytes=-0", .impossible),
        ("bytes=99-9223372036854775807", .part(99..<100)),
    ])
    func `a range is what RFC 9110 says`(header: String?, range: ByteRange) {
        #expect(ByteRange.parse(header, of: 100) == range)
    }

    @Test(arguments: [
        "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2-3", "bytes=5-4", "bytes=+1-2", "bytes= 1-2", "bytes=1 -2",
        "items=0-1",
        "bytes=0-1,5-6", "bytes=9223372036854775808-", "bytes=-9223372036854775808", "bytes=--5", "",
    ])
    func `what is no single range is answered whole`(header: String) {
        #expect(ByteRange.parse(header, of: 100) == .whole)
    }

    @Test func `nothing has no part`() {
        #expect(ByteRange.parse("bytes=0-", of: 0) == .impossible)
        #expect(ByteRange.parse("bytes=-1", of: 0) == .impossible)
    }
}
