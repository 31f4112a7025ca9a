import Foundation
import ModelStore
import Synchronization
import Testing

/// F1 to F3: a pull that is killed, or whose disk fails, at every single call.
@Suite struct PullFaultTests {
    /// A repository, and what becomes of it in the store.
    struct Case: Sendable, CustomTestStringConvertible {
        let reference: String
        let entry: String
        let files: [String: [UInt8]]
        var testDescription: String { reference }

        /// The paths of the published files and what they must hold.
        var published: [(path: String, bytes: [UInt8])] {
            entry.hasSuffix(".gguf")
                ? files.map { (entry, $0.value) } : files.map { ("\(entry)/\($0.key)", $0.value) }
        }
    }

    static let weights = (0..<6_300).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    static let cases = [
        Case(reference: "hf://owner/tiny/tiny.gguf", entry: "tiny.gguf", files: ["tiny.gguf": weights]),
        Case(
            reference: "hf://owner/small", entry: "small",
            files: ["config.json": Array("{}".utf8), "model.safetensors": weights]),
    ]

    /// Pulls on a disk of its own.
    private static func pull(_ case: Case, into home: TemporaryHome, _ hub: HubStandIn, on disk: Disk) async throws {
        _ = try await ModelStore(home: home.path, disk: disk).pull(HubReference(`case`.reference), from: hub.hub())
    }

    /// What must hold whatever went wrong: there is nothing, or all of it and read-only.
    private static func isPublished(_ case: Case, in home: TemporaryHome) throws -> Bool {
        guard !home.published.isEmpty else { return false }
        #expect(home.published == [`case`.entry])
        for (path, bytes) in `case`.published {
            let path = "\(home.path)/models/\(path)"
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(bytes))
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o444)
        }
        return true
    }

    /// Bytes of the weights that wait in the place where pulls grow.
    private static func bytesWaiting(_ home: TemporaryHome) -> Int {
        let incoming = "\(home.path)/incoming"
        let names = FileManager.default.subpaths(atPath: incoming) ?? []
        guard let weights = names.first(where: { $0.hasSuffix(".gguf") || $0.hasSuffix(".safetensors") }) else {
            return 0
        }
        return (try? FileManager.default.attributesOfItem(atPath: "\(incoming)/\(weights)")[.size] as? Int) ?? 0
    }

    @Test(arguments: cases, [FailingDisk.Fault.kill, .killInside])
    func `F1 - killed at any call, a pull publishes all or nothing and the next one goes on`(
        case: Case, fault: FailingDisk.Fault
    ) async throws {
        var resumed = 0
        for call in 1... {
            let (home, hub) = (try TemporaryHome(), HubStandIn(`case`.files))
            let failing = FailingDisk(fault, at: call, contents: `case`.files)
            _ = try? await Self.pull(`case`, into: home, hub, on: failing.disk)
            guard failing.struck != nil else {
                #expect(try Self.isPublished(`case`, in: home))
                #expect(call > 20 && resumed > 5, "\(call) calls, \(resumed) of them in the middle of the weights")
                return
            }
            if try Self.isPublished(`case`, in: home) { continue }
            let (waiting, asked) = (Self.bytesWaiting(home), hub.bodyRanges.count)
            try await Self.pull(`case`, into: home, hub, on: Disk())
            #expect(try Self.isPublished(`case`, in: home), "killed at call \(call)")
            let expected = waiting == 0 ? [nil] : waiting == Self.weights.count ? [] : ["bytes=\(waiting)-"]
            #expect(Array(hub.bodyRanges[asked...]) == expected, "killed at call \(call)")
            if waiting > 0 { resumed += 1 }
        }
    }

    @Test func `F1 - what a killed process left is hashed before it is used`() async throws {
        let (home, hub) = (try TemporaryHome(), HubStandIn(Self.cases[0].files))
        // The torn tail holds other bytes than were sent.
        let other = ["tiny.gguf": [UInt8](repeating: 0xFF, count: Self.weights.count)]
        var call = 1
        while Self.bytesWaiting(home) % 1000 != 500 {
            let failing = FailingDisk(.killInside, at: call, contents: other)
            _ = try? await Self.pull(Self.cases[0], into: home, hub, on: failing.disk)
            call += 1
        }
        await #expect(throws: HubError.damaged(file: "tiny.gguf")) {
            try await Self.pull(Self.cases[0], into: home, hub, on: Disk())
        }
        #expect(home.published.isEmpty)
        try await Self.pull(Self.cases[0], into: home, hub, on: Disk())
        #expect(try Self.isPublished(Self.cases[0], in: home))
    }

    static let advice: [(code: Int32, text: String)] = [
        (ENOSPC, "the disk is full; make room"), (EIO, "input/output error; check the disk"),
        (EROFS, "the file system is read-only; mount it writable"),
        (EMFILE, "too many files are open; raise the limit"),
    ]

    @Test(arguments: cases, advice)
    func `F2 - an error at any call names operation and file, says what helps, and leaves nothing in part`(
        case: Case, advice: (code: Int32, text: String)
    ) async throws {
        for fault in [FailingDisk.Fault.error(advice.code), .lastingError(advice.code)] {
            for call in 1... {
                let (home, hub) = (try TemporaryHome(), HubStandIn(`case`.files))
                let failing = FailingDisk(fault, at: call)
                do {
                    try await Self.pull(`case`, into: home, hub, on: failing.disk)
                    guard let struck = failing.struck else { break }
                    #expect(struck.operation == .delete, "only what tidies up may fail unsaid: \(struck)")
                } catch {
                    #expect(failing.isNamed(by: error, advising: advice.text), "\(error)")
                }
                if try Self.isPublished(`case`, in: home) { continue }
                try await Self.pull(`case`, into: home, hub, on: Disk())
                #expect(try Self.isPublished(`case`, in: home), "failed at call \(call)")
            }
        }
    }

    @Test func `F3 - a lock whose file was deleted just before it was taken isn't relied on`() async throws {
        let (home, hub) = (try TemporaryHome(), HubStandIn(Self.cases[0].files))
        let other = HubStandIn(Self.cases[0].files)
        let isFirst = Mutex(true)
        // What another process does that publishes between this one's opening of the file and its locking.
        let disk = Disk { operation, path in
            if operation == .lock,
                isFirst.withLock({ first in
                    defer { first = false }; return first
                })
            {
                unlink(path)
            }
            return nil
        }
        let second = Mutex((any Error)?.none)
        hub.faults.beforeBody = {
            do { try await Self.pull(Self.cases[0], into: home, other, on: Disk()) } catch {
                second.withLock { $0 = error }
            }
        }
        try await Self.pull(Self.cases[0], into: home, hub, on: disk)
        guard case .busy? = second.withLock({ $0 }) as? StoreError else {
            Issue.record("two were at it at once: \(String(describing: second.withLock { $0 }))")
            return
        }
        #expect(try Self.isPublished(Self.cases[0], in: home))
    }

    @Test func `F3 - a lock file that a killed process left keeps nobody out`() async throws {
        let (home, hub) = (try TemporaryHome(), HubStandIn(Self.cases[0].files))
        let failing = FailingDisk(.kill, at: 12)
        _ = try? await Self.pull(Self.cases[0], into: home, hub, on: failing.disk)
        let left = try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/incoming")
        #expect(left.contains { $0.hasSuffix(".lock") })
        try await Self.pull(Self.cases[0], into: home, hub, on: Disk())
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/incoming").isEmpty)
    }
}
