import Foundation
import Mesh

/// Which seeds a simulation runs over.
enum Seeds {
    /// Whether `HYBRIE_LONG=1` asks for the long runs.
    static let isLong = ProcessInfo.processInfo.environment["HYBRIE_LONG"] == "1"

    /// The one of `HYBRIE_SEED`, else the first `short`, in long runs the first `long`.
    static func some(_ short: Int, long: Int) -> [UInt64] {
        if let seed = ProcessInfo.processInfo.environment["HYBRIE_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        return (1...UInt64(isLong ? long : short)).map { $0 }
    }
}

extension Duration {
    /// For figures that are printed.
    var inSeconds: Double { self / .seconds(1) }
}

extension [Duration] {
    /// `median 3.1 s, most 5.9 s`.
    var summary: String {
        guard let most = self.max() else { return "none" }
        let median = sorted()[count / 2]
        return String(format: "median %.1f s, most %.1f s (%d)", median.inSeconds, most.inSeconds, count)
    }
}
