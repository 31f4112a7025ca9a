import Hummingbird
import NIOCore
import NIOHTTPTypes

/// What a route knows besides its request: the connection, so that work can end when the client leaves.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Does `work`, and cancels it when the client leaves; the connection stays fit for further requests.
    /// - Throws: what `work` throws, `CancellationError` if the client has left.
    func whileConnected<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let (departure, source) = AsyncStream<Never>.makeStream()
        let channel = channel
        channel.eventLoop.execute {
            // A closed connection has no handlers any more.
            guard let watch = try? channel.pipeline.syncOperations.handler(type: ClientWatch.self) else {
                return source.finish()
            }
            watch.onDeparture { source.finish() }
        }
        return try await withThrowingTaskGroup(of: Value.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                for await _ in departure {}
                throw CancellationError()
            }
            group.addTask(operation: work)
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }
}

/// Notices that the client has left: its side of the connection is closed, or all of it.
///
/// Who closes only his sending side counts as gone too: from here it looks the same as a process that ended.
final class ClientWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart

    private var hasLeft = false
    /// Of the request that is being answered; there is one at a time, so the next one's takes its place.
    private var tell: (() -> Void)?

    /// Calls `tell` when the client leaves, at once if it has; replaces what was asked for before.
    func onDeparture(_ tell: @escaping () -> Void) {
        self.tell = tell
        if hasLeft { tell() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { leave() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        hasLeft = true
        tell?()
        tell = nil
    }
}
