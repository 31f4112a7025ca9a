import Checkpoints
import Foundation
import Testing

@Suite struct MappedFileTests {
    @Test(arguments: ["/dev/random", "/dev/null", "/", "/no/such/file"])
    func `P4 a device, a folder or nothing at all is refused at once`(path: String) {
        expectFault("regular file") { _ = try MappedFile(path: path) }
        expectFault { _ = try Checkpoint(path: path) }
    }

    @Test func `P4 a pipe that nobody writes to is refused at once`() throws {
        try TestFiles.withFolder { folder in
            let path = folder.appending(path: "model.gguf").path(percentEncoded: false)
            #expect(mkfifo(path, 0o600) == 0)
            expectFault("model.gguf", "a pipe, socket or device") { _ = try Checkpoint(path: path) }
            expectFault("model.gguf") { _ = try GGUFFile(path: path) }
            expectFault("model.gguf") { _ = try SafetensorsFile(path: path) }
        }
    }

    @Test func `errors name the file but not its folder`() throws {
        try TestFiles.withFolder { folder in
            let path = folder.appending(path: "missing.gguf").path(percentEncoded: false)
            do {
                _ = try MappedFile(path: path)
                Issue.record("a missing file was opened")
            } catch {
                #expect(
                    "\(error)".hasPrefix("missing.gguf: expected a regular file that isn't empty, found no such file."))
                #expect(!"\(error)".contains(folder.lastPathComponent))
            }
        }
    }

    @Test func `a path with a NUL names no file`() {
        expectFault("NUL") { _ = try MappedFile(path: "/etc/passwd\u{0}.gguf") }
    }

    @Test func `an empty file is refused`() throws {
        try TestFiles.withFolder { folder in
            let path = try TestFiles.write([], "empty.gguf", in: folder)
            expectFault("empty.gguf", "no bytes") { _ = try MappedFile(path: path) }
        }
    }

    @Test func `G10 a file that was cut or replaced while mapped is noticed`() throws {
        try TestFiles.withFolder { folder in
            let path = try TestFiles.write(Array(repeating: 7, count: 100), "a", in: folder)
            let file = try MappedFile(path: path)
            #expect(file.isUnchanged())
            let other = try TestFiles.write(Array(repeating: 7, count: 100), "b", in: folder)
            #expect(rename(other, path) == 0)
            #expect(!file.isUnchanged())
            // The mapping outlives the name.
            #expect(file.contents() == Array(repeating: 7, count: 100))

            let second = try MappedFile(path: path)
            #expect(truncate(path, 10) == 0)
            #expect(!second.isUnchanged())
        }
    }

    @Test func `advice about parts of a file changes none of its bytes`() throws {
        try TestFiles.withFolder { folder in
            let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0) }
            let file = try MappedFile(path: TestFiles.write(bytes, "a", in: folder))
            for range in [0..<0, 0..<20_000, 100..<9000, 19_000..<30_000] {
                file.advise(range, soon: true)
                file.advise(range, soon: false)
            }
            #expect(file.contents() == bytes)
        }
    }
}
