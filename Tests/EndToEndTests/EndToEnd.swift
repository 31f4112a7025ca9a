import Testing

/// Suites that start real servers run one after the other: some of them measure.
@Suite(.enabled(if: RunningServer.canRun, "script/test makes what these need"), .serialized)
enum EndToEnd {}
