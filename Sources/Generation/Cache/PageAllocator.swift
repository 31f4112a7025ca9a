import Tensors

/// Hands out pages of the key-value cache, and remembers finished ones by what they hold, so that a prompt that begins
/// like an earlier one finds its beginning computed.
///
/// Pure bookkeeping: no memory is touched here.
struct PageAllocator {
    /// A full page by its content: what came before it, and its own tokens. Exact, so no collision can mix up texts.
    private struct Content: Hashable {
        let before: UInt64
        let tokens: [Int32]
    }
    private struct Entry {
        let id: UInt64
        let page: Int32
        var users: Int
        var lastUse: UInt64
    }

    private static let pageTokens = CacheShape.pageTokens
    /// The entry before the first page.
    private static let root: UInt64 = 0

    private var free: [Int32]
    private var entries: [Content: Entry] = [:]
    private var contentOfPage: [Int32: Content] = [:]
    private var nextID: UInt64 = 1
    private var clock: UInt64 = 0
    let pages: Int

    init(pages: Int) {
        self.pages = pages
        free = (0..<Int32(pages)).reversed()
    }

    /// Remembered pages that nobody uses.
    private var idle = 0
    /// Pages that a sequence could get now: free ones, and remembered ones that nobody uses.
    var available: Int { free.count + idle }
    /// Pages in use by sequences.
    var used: Int { pages - available }

    /// A sequence's hold on pages.
    struct Lease {
        /// Pages in order.
        fileprivate(set) var pages: [Int32] = []
        /// How many of them, from the first, are remembered by content.
        fileprivate var remembered = 0
        fileprivate var last: UInt64 = PageAllocator.root
    }

    /// A lease on the remembered pages with which `prompt` begins, never all of it: the last token must be computed.
    mutating func begin(_ prompt: [Int32], reusing: Bool) -> Lease {
        var lease = Lease()
        clock += 1
        guard reusing else { return lease }
        while (lease.pages.count + 1) * Self.pageTokens < prompt.count {
            let start = lease.pages.count * Self.pageTokens
            let content = Content(before: lease.last, tokens: Array(prompt[start..<start + Self.pageTokens]))
            guard let entry = entries[content] else { break }
            use(content)
            lease.pages.append(entry.page)
            lease.remembered += 1
            lease.last = entry.id
        }
        return lease
    }

    /// Adds pages until `tokens` fit.
    /// - Returns: false if there are none left; the lease keeps what it has.
    mutating func extend(_ lease: inout Lease, toHold tokens: Int) -> Bool {
        while lease.pages.count * Self.pageTokens < tokens {
            guard let page = free.popLast() ?? forgetOldest() else { return false }
            lease.pages.append(page)
        }
        return true
    }

    /// Adds free pages until `tokens` fit, at nobody's expense: what is remembered stays.
    /// - Returns: how many tokens fit, `tokens` at most.
    mutating func extendFreely(_ lease: inout Lease, toHold tokens: Int) -> Int {
        while lease.pages.count * Self.pageTokens < tokens, let page = free.popLast() { lease.pages.append(page) }
        return min(tokens, lease.pages.count * Self.pageTokens)
    }

    /// Gives back the pages behind the first `tokens`.
    mutating func shrink(_ lease: inout Lease, toHold tokens: Int) {
        let kept = max(lease.remembered, (tokens + Self.pageTokens - 1) / Self.pageTokens)
        while lease.pages.count > kept { free.append(lease.pages.removeLast()) }
    }

    /// Remembers the full pages of a sequence whose first `tokens` are computed.
    mutating func remember(_ lease: inout Lease, tokens: some RandomAccessCollection<Int32>) {
        while (lease.remembered + 1) * Self.pageTokens <= tokens.count {
            let first = tokens.index(tokens.startIndex, offsetBy: lease.remembered * Self.pageTokens)
            let content = Content(before: lease.last, tokens: Array(tokens[first...].prefix(Self.pageTokens)))
            let page = lease.pages[lease.remembered]
            clock += 1
            if let known = entries[content] {
                // Another sequence computed the same page meanwhile: its copy stays, ours is given back at the end.
                guard known.page != page else { return }
                lease.last = known.id
                use(content)
                free.append(page)
                lease.pages[lease.remembered] = known.page
            } else {
                entries[content] = Entry(id: nextID, page: page, users: 1, lastUse: clock)
                contentOfPage[page] = content
                lease.last = nextID
                nextID += 1
            }
            lease.remembered += 1
        }
    }

    /// Ends a lease: remembered pages stay for later prompts until room is needed, the others are free.
    mutating func end(_ lease: inout Lease) {
        clock += 1
        for (index, page) in lease.pages.enumerated() {
            if index < lease.remembered, let content = contentOfPage[page] {
                leave(content)
            } else {
                free.append(page)
            }
        }
        lease = Lease()
    }

    private mutating func use(_ content: Content) {
        if entries[content]?.users == 0 { idle -= 1 }
        entries[content]?.users += 1
        entries[content]?.lastUse = clock
    }

    private mutating func leave(_ content: Content) {
        entries[content]?.users -= 1
        entries[content]?.lastUse = clock
        if entries[content]?.users == 0 { idle += 1 }
    }

    /// Drops the remembered page that was used longest ago and that nobody uses.
    private mutating func forgetOldest() -> Int32? {
        let unused = entries.lazy.filter { $0.value.users == 0 }
        // Of pages last used together the later ones go first: without their beginning they could not be found.
        let oldest = unused.min { ($0.value.lastUse, $1.value.id) < ($1.value.lastUse, $0.value.id) }
        guard let oldest else { return nil }
        idle -= 1
        entries[oldest.key] = nil
        contentOfPage[oldest.value.page] = nil
        return oldest.value.page
    }
}
