/// What a machine must be able to do to run a decoder: a small closed set of operations, each a whole step of a layer.
///
/// Weights are opaque to models: a device packs them once, in a layout of its own. A batch is ragged; what an operation
/// computes for one token never depends on which other tokens are in the batch.
///
/// Shapes are checked when a model is loaded; here a wrong one is a programming error and stops the process.
public protocol Device: AnyObject, Sendable {
    /// What the device calls itself in logs, such as `cpu (avx512, 2 threads)`.
    var name: String { get }

    /// Whether weights of `format` are kept at their size; others are expanded to 8 bits (or floats) when prepared.
    func keeps(_ format: BlockFormat) -> Bool

    /// A tensor of `values`.
    func tensor(_ values: [Float], shape: [Int]) -> Tensor

    /// Packs matrices of equal shape and format into one weight: one matrix, or the experts of a layer.
    /// - Throws: ``TensorError`` where rows are no whole blocks, shapes differ, or memory is short; or what reading a matrix
    ///   throws.
    func prepare(_ matrices: [any StoredMatrix]) throws -> any Weight

    /// A key-value cache of zeros.
    /// - Throws: ``TensorError/outOfMemory(bytes:)``, or ``TensorError/unusableHeads(width:largest:)``.
    func makeCache(_ shape: CacheShape) throws(TensorError) -> any KeyValueCache

    /// Rows `ids` of `table`: `[ids, columns]`.
    func embed(_ ids: [Int32], table: any Weight) -> Tensor

    /// Rows `indices` of `x`.
    func rows(_ x: Tensor, _ indices: [Int]) -> Tensor

    /// Root-mean-square normalisation over the last axis: `y = x / sqrt(mean(x²) + ε) · weight` (arXiv:1910.07467).
    func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Float) -> Tensor

    /// Products of one input with several weights: `x · Wᵀ + b` each, `[tokens, rows of W]`.
    func linear(_ x: Tensor, _ projections: [Projection]) -> [Tensor]

    /// `residual + x · Wᵀ`.
    func linear(_ x: Tensor, _ weight: any Weight, addedTo residual: Tensor) -> Tensor

    /// `silu(x · Gᵀ) ⊙ (x · Uᵀ)`, the inner half of SwiGLU (arXiv:2002.05202).
    func gatedLinear(_ x: Tensor, gate: any Weight, up: any Weight) -> Tensor

    /// Normalises (where the heads say so) and rotates queries and keys, writes keys and values of `batch` into layer
    /// `layer` of `cache`, and attends: each token to all positions of its sequence up to its own.
    /// - Parameters:
    ///   - query: `[tokens, heads · headDim]`.
    ///   - key: `[tokens, kvHeads · headDim]`, and `value` likewise.
    /// - Returns: `[tokens, heads · headDim]`.
    func attention(
        query: Tensor, key: Tensor, value: Tensor, heads: AttentionHeads, batch: Batch, rotary: RotaryAngles,
        cache: any KeyValueCache, layer: Int
    ) -> Tensor

    /// A mixture of experts: each token goes to the `used` experts with the largest router probability.
    /// - Returns: `residual + Σ p_e · down_e(silu(gate_e x) ⊙ up_e x)`, p renormalised over the chosen if `isNormalised`.
    func experts(_ x: Tensor, mixture: ExpertMixture, addedTo residual: Tensor) -> Tensor
}

/// A weight with its bias.
public struct Projection: Sendable {
    /// `[rows, columns]`.
    public let weight: any Weight
    /// `[rows]`, or none.
    public let bias: Tensor?

    /// A projection by `weight`.
    public init(_ weight: any Weight, bias: Tensor? = nil) {
        self.weight = weight
        self.bias = bias
    }
}

/// A matrix, or a stack of them, in a device's own layout.
public protocol Weight: AnyObject, Sendable {
    /// Output width.
    var rows: Int { get }
    /// Input width.
    var columns: Int { get }
    /// Matrices in the stack: 1, or the number of experts.
    var count: Int { get }
    /// Memory it takes.
    var bytes: Int { get }
}

/// A matrix as a checkpoint holds it.
public protocol StoredMatrix: Sendable {
    /// Its name in the checkpoint, for errors.
    var name: String { get }
    /// How its elements are stored.
    var format: BlockFormat { get }
    /// Output width.
    var rows: Int { get }
    /// Input width.
    var columns: Int { get }
    /// Bytes that it is stored in.
    var byteCount: Int { get }
    /// Fills `buffer` with the stored bytes from `offset` on, row after row; from several threads at once.
    /// - Precondition: the bytes lie within ``byteCount``.
    /// - Throws: what goes wrong with reading.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws
    /// Blocks until all of it can be read without waiting: it may still be on its way from another machine. Called before the
    /// threads share it out, which compute for others meanwhile.
    /// - Throws: why it won't come.
    func waitUntilHere() throws
}

/// The sizes of a key-value cache.
public struct CacheShape: Sendable {
    /// Tokens of a page.
    public static let pageTokens = 16

    /// Decoder layers.
    public let layers: Int
    /// Heads of keys and of values.
    public let kvHeads: Int
    /// Width of a head.
    public let headDim: Int
    /// Pages, shared by all sequences.
    public let pages: Int
    /// How keys and values are kept.
    public let format: CacheFormat

    /// A cache of `pages` pages.
    public init(layers: Int, kvHeads: Int, headDim: Int, pages: Int, format: CacheFormat = .bf16) {
        self.format = format
        self.layers = layers
        self.kvHeads = kvHeads
        self.headDim = headDim
        self.pages = pages
    }

    /// Bytes per token over all layers, keys and values, at most.
    public var bytesPerToken: Int {
        // A scale per 32 columns of a key and one per value, of 4 bytes each.
        let scales = headDim / 8 + 4
        let headBytes =
            switch format {
            case .bf16: 4 * headDim + scales
            case .f32: 8 * headDim
            // Other heads are kept in 16 bits.
            case .int8: (headDim % 32 == 0 ? 2 : 4) * headDim + scales
            }
        return layers * kvHeads * headBytes
    }
}

/// How a cache keeps keys and values.
public enum CacheFormat: String, Sendable, CaseIterable {
    /// 16 bits: bfloat16; on AVX2 integers with scales, mostly more exact, for heads whose width is a multiple of 32.
    case bf16
    /// 32 bits, as exact as f32 weights.
    case f32
    /// 8 bits with scales: half the memory, a little less exact. For heads whose width is a multiple of 32; others are kept
    /// as ``bf16``.
    case int8
}

/// Keys and values of all sequences, in pages of ``CacheShape/pageTokens`` tokens.
public protocol KeyValueCache: AnyObject, Sendable {
    /// Its sizes.
    var shape: CacheShape { get }
}

/// How attention's heads are made.
public struct AttentionHeads: Sendable {
    /// Query heads; a multiple of `kvHeads`.
    public let heads: Int
    /// Key and value heads.
    public let kvHeads: Int
    /// Width of a head.
    public let headDim: Int
    /// RMS norm weight `[headDim]` of each query head, or none.
    public let queryNorm: Tensor?
    /// RMS norm weight `[headDim]` of each key head, or none.
    public let keyNorm: Tensor?
    /// ε of those norms.
    public let epsilon: Float

    /// Heads of these sizes.
    public init(
        heads: Int, kvHeads: Int, headDim: Int, queryNorm: Tensor? = nil, keyNorm: Tensor? = nil, epsilon: Float = 0
    ) {
        self.heads = heads
        self.kvHeads = kvHeads
        self.headDim = headDim
        self.queryNorm = queryNorm
        self.keyNorm = keyNorm
        self.epsilon = epsilon
    }
}

/// Cosines and sines for the tokens of a batch: `[tokens][headDim / 2]` each (arXiv:2104.09864).
public struct RotaryAngles: Sendable {
    /// cos(position · frequency).
    public let cosine: Tensor
    /// sin(position · frequency).
    public let sine: Tensor
    /// Rotates neighbours (0,1), (2,3) … instead of halves (0,d/2), (1,d/2+1) …
    public let isInterleaved: Bool

    /// Angles that were computed elsewhere.
    public init(cosine: Tensor, sine: Tensor, isInterleaved: Bool) {
        self.cosine = cosine
        self.sine = sine
        self.isInterleaved = isInterleaved
    }
}

/// The weights of a mixture of experts.
public struct ExpertMixture: Sendable {
    /// `[experts, hidden]`.
    public let router: any Weight
    /// Stacks of `[intermediate, hidden]`, the same, and `[hidden, intermediate]`.
    public let gate: any Weight
    /// See ``gate``.
    public let up: any Weight
    /// See ``gate``.
    public let down: any Weight
    /// Experts a token goes to.
    public let used: Int
    /// Whether the chosen probabilities are divided by their sum.
    public let isNormalised: Bool

    /// A mixture of these weights.
    public init(router: any Weight, gate: any Weight, up: any Weight, down: any Weight, used: Int, isNormalised: Bool) {
        self.router = router
        self.gate = gate
        self.up = up
        self.down = down
        self.used = used
        self.isNormalised = isNormalised
    }
}

/// What a device can't do.
public enum TensorError: Error, CustomStringConvertible, Sendable {
    /// A matrix that can't be packed.
    case unusableMatrix(name: String, reason: String)
    /// Memory that the system refused.
    case outOfMemory(bytes: Int)
    /// Attention heads of a width that the device has no layout for.
    case unusableHeads(width: Int, largest: Int)

    /// What was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .unusableMatrix(let name, let reason):
            "tensor '\(name)' can't be used: \(reason); take another file of this model"
        case .unusableHeads(let width, let largest):
            "attention heads \(width) wide can't be used: the width must be a multiple of 16, at most \(largest)"
        case .outOfMemory(let bytes):
            "the system refuses \(bytes >> 20) MiB of memory; free some, or choose a smaller model or --context"
        }
    }
}
