import Hummingbird
import NIOCore

/// How much of its weights a server sends.
public struct UploadLimits: Sendable {
    /// Bytes per second of all uploads together; `nil`: as fast as they go.
    public var bytesPerSecond: Int?
    /// Uploads at once; further ones wait.
    public var uploads = 64

    /// The usual ones.
    public init() {}
}

/// Who may take weights from this node at once, and how fast: answers to requests for inference come first.
actor UploadGate {

    /// Bytes per second while answers are being written, if that is less than what is permitted anyway.
    private static let rateBesideInference = 32 << 20
    /// How far an upload may run ahead of the rate.
    private static let slack = Duration.milliseconds(50)

    private let limits: UploadLimits
    private let isInferring: @Sendable () async -> Bool
    private var uploads = 0
    /// When all that was let through would be gone at the permitted rate.
    private var paid = ContinuousClock.now

    init(_ limits: UploadLimits, isInferring: @escaping @Sendable () async -> Bool) {
        self.limits = limits
        self.isInferring = isInferring
    }

    /// A body that goes out when there is a place, and no faster than is permitted.
    /// - Parameter sent: told of every piece.
    nonisolated func body(_ sender: FileSender, sent: @escaping @Sendable (Int) -> Void) -> ResponseBody {
        ResponseBody(contentLength: sender.range.count) { writer in
            try await self.enter()
            do {
                try await sender.send { bytes in
                    try await self.pass(bytes)
                    sent(bytes)
                }
            } catch {
                await self.leave()
                throw error
            }
            await self.leave()
            try await writer.finish(nil)
        }
    }

    private func enter() async throws {
        while uploads >= limits.uploads { try await Task.sleep(for: .milliseconds(20)) }
        uploads += 1
    }

    private func leave() { uploads -= 1 }

    /// Waits until `bytes` more may be sent.
    private func pass(_ bytes: Int) async throws {
        var rate = limits.bytesPerSecond ?? .max
        if await isInferring() { rate = min(rate, Self.rateBesideInference) }
        guard rate < .max else { return }
        let now = ContinuousClock.now
        paid = max(paid, now) + .seconds(Double(bytes) / Double(rate))
        if paid - now > Self.slack { try await Task.sleep(until: paid - Self.slack) }
    }
}
