import Dispatch
import Synchronization

/// Holds one answer to a grammar, token by token. Fails closed: where the text has left the grammar, nothing may come.
///
/// The next mask is made on another thread while the model computes; asking for it waits if it isn't ready.
public final class GrammarConstraint: TokenConstraint {
    private enum Progress: Sendable {
        case inside(GrammarMatcher.Position)
        case ended
        case failed
    }

    private static let queue = DispatchQueue(label: "masks", qos: .userInitiated, attributes: .concurrent)

    let matcher: GrammarMatcher
    private let endTokens: Set<Int32>
    private let progress: Mutex<Progress>

    /// A constraint for one answer.
    /// - Throws: ``GrammarError`` if the grammar is too large, or nothing satisfies it.
    public convenience init(
        grammar: Grammar, vocabulary: VocabularyIndex, endTokens: Set<Int32>
    ) throws(GrammarError) {
        let program = try grammar.compiled()
        self.init(
            matcher: GrammarMatcher(program: program, vocabulary: vocabulary, endTokens: endTokens),
            endTokens: endTokens)
    }

    init(matcher: GrammarMatcher, endTokens: Set<Int32>) {
        self.matcher = matcher
        self.endTokens = endTokens
        let start = matcher.start()
        progress = Mutex(.inside(start))
        Self.queue.async { [matcher] in _ = matcher.mask(start) }
    }

    /// The tokens that may come next; none of them once the text has left the grammar.
    public func allowedTokens() -> TokenMask? {
        switch current {
        case .inside(let position): return matcher.mask(position)
        case .failed: return TokenMask(count: matcher.vocabulary.tokenCount)
        case .ended:
            var mask = TokenMask(count: matcher.vocabulary.tokenCount)
            for token in endTokens where token >= 0 && Int(token) < matcher.vocabulary.tokenCount {
                mask[Int(token)] = true
            }
            return mask
        }
    }

    /// Takes note of the token that was chosen.
    public func accept(_ token: Int32) {
        guard case .inside(let position) = current else {
            if !endTokens.contains(token) { progress.withLock { $0 = .failed } }
            return
        }
        if endTokens.contains(token) {
            let mayEnd = matcher.mayEnd(position)
            progress.withLock { $0 = mayEnd ? .ended : .failed }
            return
        }
        let content = matcher.vocabulary.content(of: token)
        guard !content.isEmpty, let next = matcher.advance(position, by: content) else {
            progress.withLock { $0 = .failed }
            return
        }
        progress.withLock { $0 = .inside(next) }
        Self.queue.async { [matcher] in _ = matcher.mask(next) }
    }

    /// Whether the text so far satisfies the grammar, so that the answer may end here.
    public var isComplete: Bool {
        switch current {
        case .inside(let position): matcher.mayEnd(position)
        case .ended: true
        case .failed: false
        }
    }

    /// Whether the text has left the grammar: a token was taken that wasn't allowed.
    public var hasFailed: Bool { if case .failed = current { true } else { false } }

    private var current: Progress { progress.withLock { $0 } }
}
