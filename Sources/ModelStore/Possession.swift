/// What a receiver tells others of a model: the chunks that are here, and those that complete sources are about to send it.
public struct Possession: Sendable, Equatable {
    /// The chunks that are here.
    package var have: ChunkSet
    /// Those that are on their way; none of a model that is complete.
    package var coming: ChunkSet

    package init(have: ChunkSet, coming: ChunkSet? = nil) {
        self.have = have
        self.coming = coming ?? ChunkSet(chunkCount: have.chunkCount)
    }

    /// Both sets, one behind the other, as they came from a file or another node; the second may be missing. `nil` if they
    /// aren't as many as the model has chunks.
    package init?(chunkCount: Int, bytes: [UInt8]) {
        let half = (chunkCount + 7) / 8
        guard bytes.count == half || bytes.count == 2 * half,
            let have = ChunkSet(chunkCount: chunkCount, bytes: Array(bytes.prefix(half)))
        else { return nil }
        guard bytes.count > half else {
            self.init(have: have)
            return
        }
        guard let coming = ChunkSet(chunkCount: chunkCount, bytes: Array(bytes.dropFirst(half))) else { return nil }
        self.init(have: have, coming: coming)
    }

    /// Both sets as nodes exchange and keep them.
    public var bytes: [UInt8] { have.bytes + coming.bytes }
}
