import Checkpoints
import Foundation
import Testing

@Suite struct CheckpointFileTests {
    @Test(arguments: ["/dev/random", "/dev/null", "/", "/no/such/file"])
    func `P4 a device, a folder or nothing at all is refused at once`(path: String) {
        expectFault("regular file") { _ = try CheckpointFile(path: path) }
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
                _ = try CheckpointFile(path: path)
                Issue.record("a missing file was opened")
            } catch {
                #expect(
                    "\(error)".hasPrefix("missing.gguf: expected a regular file that isn't empty, found no such file."))
                #expect(!"\(error)".contains(folder.lastPathComponent))
            }
        }
    }

    @Test func `a path with a NUL names no file`() {
        expectFault("NUL") { _ = try CheckpointFile(path: "/etc/passwd\u{0}.gguf") }
    }

    @Test func `an empty file is refused`() throws {
        try TestFiles.withFolder { folder in
            let path = try TestFiles.write([], "empty.gguf", in: folder)
            expectFault("empty.gguf", "no bytes") { _ = try CheckpointFile(path: path) }
        }
    }

    @Test func `a file on its way is read as its bytes come, and may be renamed meanwhile`() throws {
        try TestFiles.withFolder { folder in
            let bytes = TinyModels.llama().bytes()
            let path = try TestFiles.write([UInt8](repeating: 0, count: bytes.count), "model.gguf", in: folder)
            let writer = try #require(FileHandle(forUpdatingAtPath: path))
            let checkpoint = try Checkpoint(path: path) { file, range throws(CheckpointError) in
                do {
                    guard file == "model.gguf", range.upperBound <= bytes.count else { throw TestFault() }
                    try writer.seek(toOffset: UInt64(range.lowerBound))
                    try writer.write(contentsOf: Data(bytes[range]))
                } catch { throw .gone(file, "\(error)") }
            }
            #expect(rename(path, path + ".moved") == 0)
            let whole = try Checkpoint(ggufBytes: bytes, name: "model.gguf")
            for name in whole.tensorNames {
                #expect(try checkpoint.tensor(name).floats() == whole.tensor(name).floats())
            }
        }
    }

    @Test func `bytes that don't come are an error that says why`() throws {
        try TestFiles.withFolder { folder in
            let path = try TestFiles.write(TinyModels.llama().bytes(), "model.gguf", in: folder)
            expectFault("model.gguf", "the cable") {
                _ = try Checkpoint(path: path) { file, _ throws(CheckpointError) in throw .gone(file, "the cable") }
            }
        }
    }

    private struct TestFault: Error {}

    /// What happens to a file while it is read.
    enum Harm: CaseIterable {
        case cut, replacedByAShorterOne, replacedByOneOfTheSameSize, overwritten, removed

        func happen(to path: String) throws {
            let size = try #require(FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
            switch self {
            case .cut: #expect(truncate(path, off_t(size / 2)) == 0)
            case .replacedByAShorterOne: try replace(path, count: size / 2)
            case .replacedByOneOfTheSameSize: try replace(path, count: size)
            case .overwritten:
                let handle = try #require(FileHandle(forWritingAtPath: path))
                try handle.write(contentsOf: Data([1, 2, 3]))
                try handle.close()
                // The time of change as such; how fine a file system's clock ticks is not what is tested.
                try FileManager.default.setAttributes(
                    [.modificationDate: Date(timeIntervalSince1970: 1_000_000)], ofItemAtPath: path)
            case .removed: #expect(unlink(path) == 0)
            }
        }

        private func replace(_ path: String, count: Int) throws {
            try Data(repeating: 7, count: count).write(to: URL(fileURLWithPath: "\(path).new"))
            #expect(rename("\(path).new", path) == 0)
        }
    }

    @Test(arguments: Harm.allCases)
    func `G10 a file that changes between opening and reading is an error that names it`(harm: Harm) throws {
        try TestFiles.withFolder { folder in
            let path = try TestFiles.write(Array(repeating: 7, count: 100), "model.gguf", in: folder)
            let file = try CheckpointFile(path: path)
            #expect(try file.contents().count == 100)
            try harm.happen(to: path)
            expectFault("model.gguf", "the file of 100 bytes that was opened", "Load the model again") {
                _ = try file.contents()
            }
        }
    }

    @Test(arguments: ["model.gguf", "model.safetensors"], Harm.allCases)
    func `G10 a model that changes while its weights are read is an error that names its file`(
        name: String, harm: Harm
    ) throws {
        try TestFiles.withFolder { folder in
            try TestFiles.write(TinyModels.mixtureConfig, "config.json", in: folder)
            let bytes =
                name.hasSuffix("gguf")
                ? TinyModels.llama().bytes() : SafetensorsBuilder.floats(CheckpointTensorsTests.fusedMixture)
            let path = try TestFiles.write(bytes, name, in: folder)
            let checkpoint = try Checkpoint(path: path)
            let names = checkpoint.tensorNames
            let half = names.count / 2
            for tensor in names[..<half] { _ = try checkpoint.tensor(tensor).floats() }
            try harm.happen(to: path)
            for tensor in names[half...] {
                let weight = try checkpoint.tensor(tensor)
                expectFault(name, "that was opened") { _ = try weight.floats() }
                expectFault(name, "that was opened") {
                    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: weight.byteCount, alignment: 64)
                    defer { buffer.deallocate() }
                    try weight.read(at: 0, into: buffer)
                }
            }
        }
    }
}
