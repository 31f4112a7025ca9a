import Foundation
import ModelStore
import Testing

@Suite struct ModelStoreTests {
    private static let weights = [UInt8](repeating: 9, count: 5000)

    @Test func `an imported file is listed, found, read-only, and gone once removed`() throws {
        let home = try TemporaryHome()
        let source = try home.write("My-Model.gguf", Self.weights)
        let stored = try home.store.importModel(from: source)
        #expect(stored.name == "My-Model")
        #expect(stored.bytes == Self.weights.count)
        #expect(try home.store.models().map(\.name) == ["My-Model"])
        #expect(try FileManager.default.attributesOfItem(atPath: stored.path)[.posixPermissions] as? Int == 0o444)
        try home.store.remove("My-Model")
        #expect(try home.store.models().isEmpty)
        #expect(FileManager.default.fileExists(atPath: source), "the source stays")
    }

    @Test func `a folder is imported with its plain files`() throws {
        let home = try TemporaryHome()
        let folder = "\(home.path)/tiny-llama"
        try FileManager.default.createDirectory(atPath: "\(folder)/inner", withIntermediateDirectories: true)
        for name in ["config.json", "model.safetensors", "inner/x"] {
            _ = try home.write("tiny-llama/\(name)", Self.weights)
        }
        let stored = try home.store.importModel(from: folder)
        #expect(stored.name == "tiny-llama")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: stored.path).sorted() == [
                "config.json", "model.safetensors",
            ])
        try home.store.remove("tiny-llama")
        #expect(home.published.isEmpty)
    }

    @Test func `what isn't there can't be imported or removed`() throws {
        let home = try TemporaryHome()
        #expect(throws: StoreError.unreadable("none.gguf")) {
            try home.store.importModel(from: "\(home.path)/none.gguf")
        }
        #expect(throws: StoreError.unknown("none")) { try home.store.remove("none") }
        #expect(throws: StoreError.unknown("../models")) { try home.store.remove("../models") }
    }

    @Test func `a taken name is refused and the first model stays`() throws {
        let home = try TemporaryHome()
        let first = try home.write("a.gguf", Self.weights)
        let second = try home.write("b.gguf", [1, 2, 3])
        let stored = try home.store.importModel(from: first, name: "same")
        #expect(throws: StoreError.exists("same")) { try home.store.importModel(from: second, name: "same") }
        #expect(try Data(contentsOf: URL(fileURLWithPath: stored.path)) == Data(Self.weights))
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(home.path)/incoming").isEmpty)
    }

    @Test func `a store that can't be written says so`() throws {
        let home = try TemporaryHome()
        let source = try home.write("a.gguf", Self.weights)
        // A file stands where the folder should be: that holds for root too.
        _ = try home.write("models", [])
        #expect(throws: StoreError.self) { try home.store.importModel(from: source) }
    }
}
