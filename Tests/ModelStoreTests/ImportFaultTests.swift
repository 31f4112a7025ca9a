import Foundation
import ModelStore
import Testing

/// F1 and F2 for models that are copied in from this machine.
@Suite struct ImportFaultTests {
    private static let weights = (0..<9_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }

    /// A source of its own: a file, or a folder of two.
    private static func source(_ isFolder: Bool, in home: TemporaryHome) throws -> String {
        guard isFolder else { return try home.write("a.gguf", weights) }
        try FileManager.default.createDirectory(atPath: "\(home.path)/a", withIntermediateDirectories: true)
        for name in ["config.json", "model.safetensors"] { _ = try home.write("a/\(name)", weights) }
        return "\(home.path)/a"
    }

    private static func isPublished(_ isFolder: Bool, in home: TemporaryHome) throws -> Bool {
        guard !home.published.isEmpty else { return false }
        #expect(home.published == [isFolder ? "a" : "a.gguf"])
        let names = isFolder ? ["a/config.json", "a/model.safetensors"] : ["a.gguf"]
        for name in names {
            let path = "\(home.path)/models/\(name)"
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(weights))
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o444)
        }
        if isFolder {
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/models/a").count == 2)
        }
        return true
    }

    @Test(arguments: [false, true])
    func `F1 - killed at any call, an import publishes all or nothing and can be done again`(isFolder: Bool) throws {
        for call in 1... {
            let home = try TemporaryHome()
            let source = try Self.source(isFolder, in: home)
            // Leftovers of another source must not get into what is published later.
            if isFolder { _ = try home.write("a/extra.json", [1]) }
            let failing = FailingDisk(.kill, at: call)
            _ = try? ModelStore(home: home.path, disk: failing.disk).importModel(from: source)
            guard failing.struck != nil else {
                #expect(home.published.count == 1 && call > 12)
                return
            }
            guard home.published.isEmpty else { continue }
            if isFolder { try FileManager.default.removeItem(atPath: "\(source)/extra.json") }
            _ = try home.store.importModel(from: source)
            #expect(try Self.isPublished(isFolder, in: home), "killed at call \(call)")
        }
    }

    @Test(arguments: [false, true], PullFaultTests.advice)
    func `F2 - an error at any call names operation and file, says what helps, and leaves nothing in part`(
        isFolder: Bool, advice: (code: Int32, text: String)
    ) throws {
        for fault in [FailingDisk.Fault.error(advice.code), .lastingError(advice.code)] {
            for call in 1... {
                let home = try TemporaryHome()
                let source = try Self.source(isFolder, in: home)
                let failing = FailingDisk(fault, at: call)
                do {
                    _ = try ModelStore(home: home.path, disk: failing.disk).importModel(from: source)
                    guard let struck = failing.struck else { break }
                    #expect(struck.operation == .delete, "only what tidies up may fail unsaid: \(struck)")
                } catch {
                    #expect(failing.isNamed(by: error, advising: advice.text), "\(error)")
                }
                if try Self.isPublished(isFolder, in: home) { continue }
                _ = try home.store.importModel(from: source)
                #expect(try Self.isPublished(isFolder, in: home), "failed at call \(call)")
            }
        }
    }

    @Test func `F2 - an import larger than the disk is refused with figures, and nothing is left of it`() throws {
        let home = try TemporaryHome()
        let source = try home.write("vast.gguf", [])
        // Holes take no room; a file system without them refuses the length, and there is nothing to test.
        guard truncate(source, 1 << 42) == 0 else { return }
        let error = #expect(throws: StoreError.self) { try home.store.importModel(from: source) }
        guard case .noSpace(let needed, let free)? = error else {
            Issue.record("it ended with \(String(describing: error))")
            return
        }
        #expect(needed > 1 << 42 && free > 0)
        #expect(home.published.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/incoming").isEmpty)
    }
}
