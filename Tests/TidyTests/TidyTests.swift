import Foundation
import Testing

/// The house rules that a program can check: it reads the sources.
@Suite struct TidyTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func files(_ folder: String, _ suffixes: [String]) -> [(path: String, text: String)] {
        let base = root.appendingPathComponent(folder)
        let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
        return names.filter { name in suffixes.contains { name.hasSuffix($0) } }.sorted().compactMap { name in
            (try? String(contentsOf: base.appendingPathComponent(name), encoding: .utf8)).map {
                ("\(folder)/\(name)", $0)
            }
        }
    }

    /// Which rooms each room may import, ground floor first.
    private static let rooms: [(name: String, below: Set<String>)] = [
        ("OrderedJSON", []), ("Tensors", ["CKernels"]), ("Checkpoints", ["OrderedJSON", "Tensors"]),
        ("Tokenizers", ["OrderedJSON"]), ("LanguageModels", ["Checkpoints", "Tensors"]),
        ("Generation", ["Checkpoints", "LanguageModels", "OrderedJSON", "Tensors", "Tokenizers"]),
        ("ModelStore", ["OrderedJSON"]), ("Mesh", ["ModelStore", "OrderedJSON"]),
        ("Providers", ["Checkpoints", "Generation", "Mesh", "ModelStore", "Tensors"]),
        ("TOMLReader", ["OrderedJSON"]),
        ("API", ["Checkpoints", "Generation", "Mesh", "ModelStore", "OrderedJSON", "Providers", "Tokenizers"]),
    ]

    @Test func `rooms import only what stands below them`() {
        let all = Set(Self.rooms.map(\.name) + ["CKernels", "hybrie"])
        for room in Self.rooms {
            for file in Self.files("Sources/\(room.name)", [".swift"]) {
                for line in file.text.split(separator: "\n") {
                    let words = line.split(separator: " ")
                    guard let place = words.firstIndex(of: "import"), place <= 1, words.count > place + 1 else {
                        continue
                    }
                    let imported = String(words[place + 1])
                    #expect(
                        !all.contains(imported) || room.below.contains(imported), "\(file.path) imports \(imported)")
                }
            }
        }
    }

    @Test func `no file of the sources is longer than 400 lines`() {
        for file in Self.files("Sources", [".swift", ".c", ".h", ".inc"]) {
            let count = file.text.split(separator: "\n", omittingEmptySubsequences: false).count
            #expect(count <= 401, "\(file.path): \(count) lines")
        }
    }

    @Test func `no line is longer than 140 characters`() {
        for file in Self.files("Sources", [".swift", ".c", ".h", ".inc"]) where !file.path.contains("Tables") {
            for (index, line) in file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                #expect(line.count <= 140, "\(file.path):\(index + 1)")
            }
        }
    }

    @Test func `traps and promises stand nowhere`() {
        for file in Self.files("Sources", [".swift"]) {
            for word in ["fatalError(", "try!", " as! ", "TODO", "FIXME", "Task.detached"] {
                #expect(!file.text.contains(word), "\(file.path) says \(word)")
            }
        }
    }
}
