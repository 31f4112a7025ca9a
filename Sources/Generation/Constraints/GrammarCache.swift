import Synchronization

/// Grammars made ready, the least recently used forgotten first; one for all models and requests.
public final class GrammarCache: Sendable {
    struct Key: Hashable, Sendable {
        let text: [UInt8]
        let vocabulary: UInt64
        let endTokens: Set<Int32>
    }

    private struct Entry: Sendable {
        let matcher: GrammarMatcher
        let keyBytes: Int
        var lastUse: UInt64
    }

    private struct State: Sendable {
        var entries: [Key: Entry] = [:]
        var clock: UInt64 = 0
    }

    private let byteLimit: Int
    private let entryLimit: Int
    private let state = Mutex(State())

    /// A cache that holds about `byteLimit` bytes, counted whenever a grammar is looked up.
    public init(byteLimit: Int = 128 << 20, entryLimit: Int = 512) {
        self.byteLimit = byteLimit
        self.entryLimit = entryLimit
    }

    /// Memory in use, about.
    public var byteCount: Int { state.withLock { Self.bytes(of: $0) } }

    /// How many grammars are held.
    public var count: Int { state.withLock { $0.entries.count } }

    /// The matcher for `key`, made by `make` if it isn't there.
    func matcher(
        for key: Key, make: () throws(GrammarError) -> GrammarMatcher
    ) throws(GrammarError) -> GrammarMatcher {
        if let known = take(key) { return known }
        // Made outside the lock; two that want the same at once both make it, and the first is kept.
        let made = try make()
        return state.withLock { state in
            state.clock += 1
            if let known = state.entries[key] { return known.matcher }
            state.entries[key] = Entry(matcher: made, keyBytes: key.text.count + 256, lastUse: state.clock)
            evict(&state)
            return made
        }
    }

    private func take(_ key: Key) -> GrammarMatcher? {
        state.withLock { state in
            state.clock += 1
            state.entries[key]?.lastUse = state.clock
            let known = state.entries[key]?.matcher
            evict(&state)
            return known
        }
    }

    private func evict(_ state: inout State) {
        var bytes = Self.bytes(of: state)
        while bytes > byteLimit || state.entries.count > entryLimit,
            let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            bytes -= oldest.value.matcher.byteCount + oldest.value.keyBytes
            state.entries[oldest.key] = nil
        }
    }

    private static func bytes(of state: State) -> Int {
        state.entries.values.reduce(0) { $0 + $1.matcher.byteCount + $1.keyBytes }
    }
}
