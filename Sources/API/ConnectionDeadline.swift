import HTTPTypes
package import NIOCore
package import NIOHTTPTypes

/// How long each part of an exchange may take before the connection is closed.
public struct ConnectionTimes: Sendable {
    /// Until the first request's head is there.
    public var head = Duration.seconds(10)
    /// From a request's head to the end of its body.
    public var body = Duration.seconds(60)
    /// Without a byte of an answer taken.
    public var write = Duration.seconds(60)
    /// Between requests.
    public var idle = Duration.seconds(60)

    /// The usual ones.
    public init() {}
}

/// Closes connections that hold things up: a client that sends a byte a second (slow loris), and one that asks for a long
/// answer and doesn't read it. Between requests the server's own idle time holds.
///
/// What an unread answer keeps in memory is bounded all the same: the channel takes some 64 KiB, then writers wait.
package final class ConnectionDeadline: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPRequestPart
    package typealias InboundOut = HTTPRequestPart
    package typealias OutboundIn = HTTPResponsePart
    package typealias OutboundOut = HTTPResponsePart

    private let times: ConnectionTimes
    private var closing: Scheduled<Void>?
    /// What the system hadn't taken yet at the last look, and when it was last seen to have taken something.
    private var unwrittenBytes = 0
    private var lastProgress = NIODeadline.uptimeNanoseconds(0)
    private var writeCheck: Scheduled<Void>?

    package init(_ times: ConnectionTimes) { self.times = times }

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { close(context, in: times.head) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        close(context, in: times.head)
        context.fireChannelActive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: close(context, in: times.body)
        case .body: break
        case .end: closing?.cancel()
        }
        context.fireChannelRead(data)
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        look(context)
        context.write(data, promise: promise)
        // What was added is no lack of progress.
        unwrittenBytes = bufferedBytes(context)
        // One check is under way at a time: a stream writes far more often than it stands still.
        if writeCheck == nil { checkWrites(context) }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        cancel()
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) { cancel() }

    private func cancel() {
        closing?.cancel()
        writeCheck?.cancel()
    }

    private func close(_ context: ChannelHandlerContext, in time: Duration) {
        closing?.cancel()
        let channel = context.channel
        closing = context.eventLoop.scheduleTask(in: TimeAmount(time)) { channel.close(mode: .all, promise: nil) }
    }

    /// Looks again while something is left to be taken, often enough to notice a piece of a long write.
    private func checkWrites(_ context: ChannelHandlerContext) {
        writeCheck = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(times.write / 4)) {
            self.writeCheck = nil
            self.look(context)
            guard self.unwrittenBytes > 0 else { return }
            guard context.eventLoop.now < self.lastProgress + TimeAmount(self.times.write) else {
                return context.close(promise: nil)
            }
            self.checkWrites(context)
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        let left = bufferedBytes(context)
        if left < unwrittenBytes || unwrittenBytes == 0 { lastProgress = context.eventLoop.now }
        unwrittenBytes = left
    }

    private func bufferedBytes(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}
