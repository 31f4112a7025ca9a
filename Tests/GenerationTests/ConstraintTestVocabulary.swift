import Foundation
import Generation
import OrderedJSON
import Synchronization
import TestSupport
import Testing
import Tokenizers

/// Vocabularies that grammars are tried on.
enum ConstraintTestVocabulary {
    /// A token per byte, and an end token.
    static let bytes = VocabularyIndex(tokens: (0..<256).map { [UInt8($0)] } + [[]])
    static let bytesEnd: Int32 = 256

    static func golden(_ path: String) throws -> Tokenizer {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = folder.appending(path: "Fixtures/golden/\(path)/tokenizer.json")
        return try Tokenizer(huggingFaceJSON: [UInt8](Data(contentsOf: file)))
    }

    private static let indexes = Mutex<[String: VocabularyIndex]>([:])

    /// The index of a golden tokeniser, made once.
    static func index(_ path: String) throws -> VocabularyIndex {
        if let known = indexes.withLock({ $0[path] }) { return known }
        let index = VocabularyIndex(tokenizer: try golden(path))
        return indexes.withLock { indexes in
            indexes[path] = indexes[path] ?? index
            return index
        }
    }

    /// Whether `text` satisfies `grammar`: each byte is in the mask at its place, and the text may end behind the last.
    static func accepts(_ grammar: Grammar, _ text: String) throws -> Bool {
        let constraint = try GrammarConstraint(grammar: grammar, vocabulary: bytes, endTokens: [bytesEnd])
        return follows(constraint, text) == text.utf8.count && constraint.isComplete
    }

    /// How many bytes of `text` the constraint takes.
    static func follows(_ constraint: GrammarConstraint, _ text: String) -> Int {
        for (place, byte) in text.utf8.enumerated() {
            guard let mask = constraint.allowedTokens() else { return place }
            #expect(!mask.isEmpty, "nothing may come behind \(text.utf8.prefix(place))")
            #expect(mask[Int(bytesEnd)] == constraint.isComplete)
            guard mask[Int(byte)] else { return place }
            constraint.accept(Int32(byte))
            if constraint.hasFailed { return place }
        }
        return text.utf8.count
    }
}

/// The seed of this run's random tests.
let runSeed = testSeed("generation tests")
