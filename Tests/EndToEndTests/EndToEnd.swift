import Testing

/// Suites that start real servers run one after the other: some of them measure.
@Suite(.enabled(if: RunningServer.canRun, "script/test makes what these need"), .serialized)
enum EndToEnd {
    /// Measures again until one time is under the limit, at most forty times: the machine that runs the tests has others
    /// to serve, so a short time tells what the server needs and a long one tells nothing.
    /// - Returns: the times in seconds.
    static func times(untilUnder limit: Double, of measure: () throws -> Double) rethrows -> [Double] {
        var times: [Double] = []
        repeat { times.append(try measure()) } while times.count < 40 && times[times.count - 1] >= limit
        return times
    }
}
