public import Checkpoints
import Foundation
public import Tensors

/// What a model will take of memory, computed before a byte of it is read.
public struct MemoryPlan: Sendable {
    /// Packed weights.
    public let weightBytes: Int
    /// Key-value cache for one token over all layers.
    public let cacheBytesPerToken: Int
    /// How keys and values are kept.
    public let cacheFormat: CacheFormat
    /// Tokens a sequence may have.
    public let contextTokens: Int
    /// Tokens the cache holds for all sequences.
    public let cacheTokens: Int
    /// Sequences side by side.
    public let parallel: Int
    /// Activations, tokeniser and the program itself, roughly.
    public static let overheadBytes = 384 << 20
    /// The context that is planned for where nobody asks for another.
    public static let usualContext = 8192

    /// All together.
    public var totalBytes: Int { weightBytes + cacheTokens * cacheBytesPerToken + Self.overheadBytes }

    /// Plans `checkpoint` for `available` bytes.
    /// - Parameters:
    ///   - context: tokens of a sequence, if somebody asked; else what the model permits, ``usualContext`` at most.
    ///   - cacheFormat: how keys and values are kept, if somebody asked; else in 16 bits, or in 32 if the weights are.
    ///   - parallel: sequences that shall run side by side; the cache is made for fewer if memory is short.
    /// - Throws: ``MemoryError`` with all figures if not even one sequence fits.
    public init(
        _ checkpoint: Checkpoint, on device: any Device, context: Int?, parallel: Int, available: Int,
        cacheFormat: CacheFormat? = nil
    ) throws(MemoryError) {
        let config = checkpoint.config
        let tensors = checkpoint.tensorNames.compactMap { checkpoint.optionalTensor($0) }
        weightBytes = tensors.reduce(0) { $0 + Self.packedBytes($1, on: device) }
        self.cacheFormat = cacheFormat ?? (tensors.allSatisfy { $0.format == .f32 } ? .f32 : .bf16)
        cacheBytesPerToken =
            CacheShape(
                layers: config.numHiddenLayers, kvHeads: config.numKeyValueHeads, headDim: config.headDim, pages: 1,
                format: self.cacheFormat
            ).bytesPerToken
        self.parallel = parallel
        let asked = context ?? min(config.maxPositionEmbeddings, Self.usualContext)
        guard asked <= config.maxPositionEmbeddings else {
            throw .contextBeyondModel(asked: asked, most: config.maxPositionEmbeddings)
        }
        let room = available - weightBytes - Self.overheadBytes
        let fitting = max(0, room) / cacheBytesPerToken
        // Without a wish the context shrinks to what fits, down to a length that is of some use.
        let smallest = context == nil ? min(512, asked) : asked
        guard fitting >= smallest else {
            throw .modelTooLarge(
                weights: weightBytes, cache: smallest * cacheBytesPerToken, context: smallest, available: available,
                fittingContext: fitting)
        }
        contextTokens = min(asked, fitting)
        cacheTokens = max(contextTokens, min(contextTokens * parallel, fitting / 2))
    }

    /// Formats that the device doesn't keep become 8 bits with a scale for each 32.
    private static func packedBytes(_ tensor: CheckpointTensor, on device: any Device) -> Int {
        device.keeps(tensor.format) ? tensor.byteCount + tensor.byteCount / 24 : tensor.elementCount / 32 * 34
    }
}

/// A model that doesn't fit.
public enum MemoryError: Error, CustomStringConvertible, Sendable {
    /// Even one sequence is too much.
    case modelTooLarge(weights: Int, cache: Int, context: Int, available: Int, fittingContext: Int)
    /// The model wasn't made for so long a context.
    case contextBeyondModel(asked: Int, most: Int)

    /// What was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .modelTooLarge(let weights, let cache, let context, let available, let fitting):
            "the model needs \(Self.gib(weights)) for its weights and \(Self.gib(cache)) for a context of \(context) tokens, "
                + "but \(Self.gib(available)) are available; "
                + (fitting > 0
                    ? "a context of \(fitting) tokens would fit: use --context \(fitting)"
                    : "free memory, or choose a smaller model or quantisation")
        case .contextBeyondModel(let asked, let most):
            "the model was made for a context of \(most) tokens, not \(asked); use --context \(most) or less"
        }
    }

    private static func gib(_ bytes: Int) -> String {
        String(format: "%.2f GiB", Double(bytes) / Double(1 << 30))
    }
}

/// Memory that this process may still take.
public enum AvailableMemory {
    /// Bytes: the least of what the system says is available and what a control group leaves.
    public static var bytes: Int {
        var available = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        if let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
            let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        {
            available = kibibytes << 10
        }
        if let limit = number("/sys/fs/cgroup/memory.max"), let used = number("/sys/fs/cgroup/memory.current") {
            available = min(available, max(0, limit - used))
        }
        return available
    }

    private static func number(_ path: String) -> Int? {
        (try? String(contentsOfFile: path, encoding: .utf8)).flatMap {
            Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }
}
