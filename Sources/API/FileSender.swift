import Foundation
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOPosix

/// Sends a part of a file from the page cache to the client without a copy through this process (`sendfile`).
///
/// The head of the answer has gone out through the pipeline with its length; the bytes then enter the pipeline where
/// encoded answers leave it.
struct FileSender: Sendable {
    let path: String
    let range: Range<Int>
    let channel: any Channel
    /// How long the client may take nothing.
    let patience: Duration

    /// Small enough that a piece which must come from the disk doesn't hold up the connections beside it for long.
    private static let pieceBytes = 256 << 10

    /// - Parameter before: asked before each piece, with its size.
    func send(before: @Sendable (Int) async throws -> Void) async throws {
        let (path, range) = (path, range)
        // NIO's own files are the only ones that its channels send so; opening one may wait for the disk.
        let file = try await NIOThreadPool.singleton.runIfActive {
            let file = try NIOFileHandle(_deprecatedPath: path)
            #if os(Linux)
                // The disk begins to read what comes later while the first pieces go out.
                _ = try file.withUnsafeFileDescriptor {
                    posix_fadvise($0, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
                }
            #endif
            return file
        }
        do {
            for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.pieceBytes) {
                let end = min(start + Self.pieceBytes, range.upperBound)
                try await before(end - start)
                try await write(FileRegion(fileHandle: file, readerIndex: start, endIndex: end))
            }
        } catch {
            try? file.close()
            // Fewer bytes than the head has promised: what follows would be taken for the rest.
            try? await channel.close()
            throw error
        }
        try file.close()
    }

    private func write(_ region: FileRegion) async throws {
        let (channel, patience) = (channel, TimeAmount(patience))
        try await channel.eventLoop.flatSubmit {
            let closing = channel.eventLoop.scheduleTask(in: patience) { channel.close(mode: .all, promise: nil) }
            let written = channel.eventLoop.makePromise(of: Void.self)
            do {
                let encoder = try channel.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
                encoder.writeAndFlush(NIOAny(IOData.fileRegion(region)), promise: written)
            } catch { written.fail(error) }
            written.futureResult.whenComplete { _ in closing.cancel() }
            return written.futureResult
        }.get()
    }
}
