import Foundation
import Mesh
import ModelStore
import Synchronization
import Testing

@Suite struct SwarmPullTests {
    private static let content = (0..<(5 * ModelManifest.chunkBytes + 321)).map {
        UInt8(truncatingIfNeeded: $0 &* 31 >> 3)
    }

    /// Pulls from nodes with these faults.
    /// - Returns: the bytes that arrived and how it went.
    private func pull(
        from standIns: PeerStandIns, mirror: SwarmMirror? = nil, into folder: TemporaryFolder
    ) async throws -> (bytes: Data, progress: SwarmProgress) {
        let model = try IncomingModel(standIns.manifest, as: "m", in: ModelStore(home: folder.path))
        let last = LastProgress()
        let pull = SwarmPull(
            model, ownID: "me", client: PeerClient(ownID: "me", transport: standIns, secret: nil),
            mirror: mirror,
            findSources: { standIns.sources })
        try await pull.run { progress in last.value.withLock { $0 = progress } }
        let stored = try model.publish()
        let progress = try #require(last.value.withLock { $0 })
        return (try Data(contentsOf: URL(fileURLWithPath: stored.path)), progress)
    }

    @Test func `a model comes from several nodes, each chunk about once`() async throws {
        let standIns = PeerStandIns(Self.content, [.none, .none, .none])
        let (bytes, progress) = try await pull(from: standIns, into: TemporaryFolder())
        #expect(bytes == Data(Self.content))
        #expect(progress.bytes == Self.content.count && progress.totalBytes == Self.content.count)
        #expect(progress.bytesBySource.values.reduce(0, +) == Self.content.count)
        #expect(progress.liars.isEmpty)
    }

    @Test(arguments: [PeerStandIns.Fault.flips, .mixesUp, .sendsMore])
    func `M10 - who sends wrong bytes is marked and asked no more`(fault: PeerStandIns.Fault) async throws {
        let standIns = PeerStandIns(Self.content, [fault, .none])
        let (bytes, progress) = try await pull(from: standIns, into: TemporaryFolder())
        #expect(bytes == Data(Self.content))
        #expect(progress.liars == [PeerStandIns.host(0)])
        #expect(progress.bytesBySource[PeerStandIns.host(0)] == nil)
        // What was under way when the first wrong chunk came is all that it was asked for.
        #expect(standIns.chunksServed[PeerStandIns.host(0), default: 0] <= ChunkPlan.windowAlone)
    }

    @Test(arguments: [PeerStandIns.Fault.hasNothing, .lacksLast, .drips, .silent, .cuts])
    func `M10 - one honest source is enough beside one that keeps no promise`(fault: PeerStandIns.Fault) async throws {
        let standIns = PeerStandIns(Self.content, [fault, .none])
        let (bytes, progress) = try await pull(from: standIns, into: TemporaryFolder())
        #expect(bytes == Data(Self.content))
        #expect(progress.liars.isEmpty)
    }

    /// A hub that has `content`; its first requests fail.
    private static func mirror(_ content: [UInt8], failures: Int = 0) -> SwarmMirror {
        struct NoAnswer: Error {}
        let left = Failures(failures)
        return SwarmMirror { chunk, buffer in
            guard !left.next() else { throw NoAnswer() }
            buffer = Array(content[chunk.offset..<chunk.offset + chunk.bytes])
        }
    }

    @Test func `a hub and a node are asked at once`() async throws {
        let standIns = PeerStandIns(Self.content, [.none])
        let (bytes, progress) = try await pull(
            from: standIns, mirror: Self.mirror(Self.content), into: TemporaryFolder())
        #expect(bytes == Data(Self.content))
        #expect(Set(progress.bytesBySource.keys) == [SwarmMirror.id, PeerStandIns.host(0)])
    }

    @Test func `a hub alone is enough, after a few failures too`() async throws {
        let mirror = Self.mirror(Self.content, failures: 7)
        let standIns = PeerStandIns(Self.content, [])
        let (bytes, _) = try await pull(from: standIns, mirror: mirror, into: TemporaryFolder())
        #expect(bytes == Data(Self.content))
    }

    @Test func `a manifest that the hub's bytes contradict is dropped`() async throws {
        let other = Self.content.map { $0 ^ 1 }
        let standIns = PeerStandIns(Self.content, [.none])
        await #expect(throws: MeshError.otherModel(standIns.manifest.digest.text)) {
            try await pull(from: standIns, mirror: Self.mirror(other), into: TemporaryFolder())
        }
    }

    @Test func `one honest source is enough among seven others`() async throws {
        let standIns = PeerStandIns(
            Self.content, [.flips, .hasNothing, .cuts, .none, .mixesUp, .lacksLast, .silent, .sendsMore])
        #expect(try await pull(from: standIns, into: TemporaryFolder()).bytes == Data(Self.content))
    }

    @Test func `a pull that is called off ends at once and keeps what it has`() async throws {
        let folder = try TemporaryFolder()
        let standIns = PeerStandIns(Self.content, [.silent])
        let task = Task { try await pull(from: standIns, into: folder) }
        try await Task.sleep(for: .milliseconds(300))
        task.cancel()
        await #expect(throws: (any Error).self) { try await task.value }
        #expect(try await pull(from: PeerStandIns(Self.content, [.none]), into: folder).bytes == Data(Self.content))
    }
}

/// The last progress that was reported.
private final class LastProgress: Sendable {
    let value = Mutex<SwarmProgress?>(nil)
}

/// Counts failures that are still to come.
private final class Failures: Sendable {
    private let left: Mutex<Int>
    init(_ count: Int) { left = Mutex(count) }

    func next() -> Bool {
        left.withLock { left in
            left -= 1
            return left >= 0
        }
    }
}
