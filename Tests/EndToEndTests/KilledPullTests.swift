import Foundation
import TestSupport
import Testing

/// F1 and F3 with the real binary, which needs no model.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: RunningServer.binary), "script/test builds the binary"))
struct KilledPullTests {
    @Test func `F1 and F3 - pulls that are killed go on where they were, and hold no lock any more`() throws {
        var random = SeededGenerator(seed: testSeed("killed pulls"))
        let content = (0..<(6 << 20)).map { _ in UInt8.random(in: 0...255, using: &random) }
        // Each pull gets so far and no further, so that it is still running when it is killed.
        let stops = (0..<3).map { _ in Int.random(in: 1...content.count - 1, using: &random) }.sorted()
        let hub = try PullHub(content: content, stops: stops)
        defer { hub.stop() }
        var starts = [0]
        for (round, stop) in stops.enumerated() {
            let kill = Int.random(in: max(1, hub.bytesWaiting)...max(1, stop), using: &random)
            let pull = try hub.startPull()
            try hub.wait("pull \(round) to have \(kill) bytes") {
                guard pull.isRunning else { throw ServerFault(what: "the pull ended: \(hub.log)") }
                return hub.bytesWaiting >= kill && hub.starts.count == round + 1
            }
            if round == 0 {
                let second = try hub.startPull()
                second.waitUntilExit()
                #expect(second.terminationStatus != 0)
                #expect(hub.log.contains("process \(pull.processIdentifier) is bringing in 'tiny'"), "\(hub.log)")
            }
            #expect(Foundation.kill(pull.processIdentifier, SIGKILL) == 0)
            pull.waitUntilExit()
            #expect(hub.published.isEmpty)
            starts.append(hub.bytesWaiting)
        }
        let last = try hub.startPull()
        last.waitUntilExit()
        #expect(last.terminationStatus == 0, "\(hub.log)")
        #expect(hub.starts == starts, "each pull asks for what the one before had not written")
        #expect(hub.published == ["tiny.gguf"])
        let path = "\(hub.home)/models/tiny.gguf"
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(content))
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o444)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(hub.home)/incoming").isEmpty)
    }
}
