import API
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

/// R14 with a clock that is moved by hand: an unflushed write is one that the client doesn't take.
@Suite struct ConnectionDeadlineTests {
    /// Stands where the HTTP encoder does.
    private final class Encoder: ChannelOutboundHandler {
        typealias OutboundIn = HTTPResponsePart
        typealias OutboundOut = ByteBuffer

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            guard case .body(let bytes) = unwrapOutboundIn(data) else {
                promise?.succeed()
                return
            }
            context.write(wrapOutboundOut(bytes), promise: promise)
        }
    }

    private let channel: EmbeddedChannel

    init() throws {
        channel = EmbeddedChannel(handlers: [Encoder(), ConnectionDeadline(ConnectionTimes())])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    private func pass(_ seconds: Int64) { channel.embeddedEventLoop.advanceTime(by: .seconds(seconds)) }
    private func writeBody() { channel.write(HTTPResponsePart.body(ByteBuffer(string: "data")), promise: nil) }
    private func receive(_ part: HTTPRequestPart) throws { try channel.writeInbound(part) }
    private static let head = HTTPRequestPart.head(
        HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: "/"))

    @Test func `a connection without a request is closed after ten seconds`() {
        pass(9)
        #expect(channel.isActive)
        pass(1)
        #expect(!channel.isActive)
    }

    @Test func `a request whose body doesn't come is closed after a minute`() throws {
        pass(9)
        try receive(Self.head)
        pass(59)
        #expect(channel.isActive)
        pass(1)
        #expect(!channel.isActive)
    }

    @Test func `an answer may take as long as it likes to be computed`() throws {
        try receive(Self.head)
        try receive(.end(nil))
        pass(3600)
        #expect(channel.isActive)
    }

    @Test func `a client that takes nothing for a minute is cut off, however much waits for it`() throws {
        try receive(Self.head)
        try receive(.end(nil))
        writeBody()
        pass(30)
        // What is added doesn't count as progress.
        writeBody()
        pass(29)
        #expect(channel.isActive)
        pass(1)
        #expect(!channel.isActive)
    }

    @Test func `a client that takes a piece now and then is served on`() throws {
        try receive(Self.head)
        try receive(.end(nil))
        for _ in 0..<10 {
            writeBody()
            pass(50)
            channel.flush()
        }
        #expect(channel.isActive)
        pass(3600)
        #expect(channel.isActive, "nothing is left to be taken")
        writeBody()
        pass(60)
        #expect(!channel.isActive)
    }
}
