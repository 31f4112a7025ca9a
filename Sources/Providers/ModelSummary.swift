public import Generation
import Synchronization
import Tensors

/// A model as lists show it.
public struct ModelSummary: Sendable {
    /// Whether it is in memory.
    public enum State: Sendable {
        case unloaded
        case loading(LoadStatus)
        case loaded(plan: MemoryPlan)
        case failed(String)
    }
    /// The name that requests use.
    public let id: String
    /// When its file was written, in seconds since 1970.
    public let created: Int
    /// Whether it is in memory.
    public let state: State
}

/// How far a load has come.
public struct LoadStatus: Sendable {
    /// Bytes of the checkpoint that are done.
    public let bytes: Int
    /// Bytes in all.
    public let totalBytes: Int
    /// Seconds that are left at the pace so far, if there is one yet.
    public let etaSeconds: Double?
    /// 0...1.
    public var fraction: Double { totalBytes > 0 ? Double(bytes) / Double(totalBytes) : 0 }
}

/// Counts a load's bytes; written by its thread, read by everyone.
final class LoadProgress: Sendable {
    private let start = ContinuousClock.now
    private let bytes = Atomic<Int>(0)
    private let totalBytes = Atomic<Int>(0)

    func record(_ done: Int, of total: Int) {
        bytes.store(done, ordering: .relaxed)
        totalBytes.store(total, ordering: .relaxed)
    }

    var status: LoadStatus {
        let (done, total) = (bytes.load(ordering: .relaxed), totalBytes.load(ordering: .relaxed))
        let seconds = start.duration(to: .now).seconds
        return LoadStatus(
            bytes: done, totalBytes: total,
            etaSeconds: done > 0 ? seconds * Double(max(0, total - done)) / Double(done) : nil)
    }
}

/// Why a model doesn't answer.
public enum ModelHostError: Error, CustomStringConvertible, Sendable {
    /// There is no model at all.
    case noModels
    /// There is none of that name.
    case unknown(String, known: [String])
    /// It is on its way into memory.
    case loading(String, LoadStatus)
    /// It couldn't be loaded.
    case failed(String, String)

    /// What was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .noModels: "there is no model; pull or import one, or name a file when starting the server"
        case .unknown(let id, let known):
            "the model '\(id)' doesn't exist"
                + (known.isEmpty ? "; pull or import one" : "; there are: \(known.prefix(20).joined(separator: ", "))")
        case .loading(let id, let status):
            "the model '\(id)' is being loaded (\(Int(status.fraction * 100)) %); try again shortly"
        case .failed(let id, let reason): "the model '\(id)' can't be loaded: \(reason)"
        }
    }
}
