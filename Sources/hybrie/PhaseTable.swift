import Foundation
import OrderedJSON
import Tensors

/// Where the time of a benchmark went.
struct PhaseTable {
    private let name: String
    private let phases: [ProfiledDevice.Phase]
    private let seconds: Double
    private let tokens: Int

    init(_ phases: [ProfiledDevice.Phase], of result: Bench.Result) {
        name = result.test.name
        self.phases = phases.sorted { $0.seconds > $1.seconds }
        seconds = result.samples.reduce(0, +)
        tokens = result.test.tokens * result.samples.count
    }

    /// What no step accounts for: the model's own code between them.
    private var between: Double { max(0, seconds - phases.reduce(0) { $0 + $1.seconds }) }

    var markdown: String {
        var lines = [
            "| \(name): step | calls | share % | µs per token | GB/s | TOP/s |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
        ]
        func row(_ name: String, _ calls: String, _ time: Double, _ rates: String) -> String {
            let figures = String(format: "%.1f | %.1f", time / seconds * 100, time / Double(tokens) * 1e6)
            return "| \(name) | \(calls) | \(figures) | \(rates) |"
        }
        for phase in phases {
            let rates = String(
                format: "%.1f | %.3f", Double(phase.bytes) / phase.seconds * 1e-9,
                Double(phase.operations) / phase.seconds * 1e-12)
            lines.append(row(phase.name, "\(phase.calls)", phase.seconds, rates))
        }
        lines.append(row("between the steps", "", between, " | "))
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        .array(
            phases.map { phase in
                [
                    "name": .string(phase.name), "calls": .integer(phase.calls),
                    "total_ns": .integer(Int(phase.seconds * 1e9)), "share": .number(phase.seconds / seconds),
                    "bytes_per_second": .number(Double(phase.bytes) / phase.seconds),
                    "operations_per_second": .number(Double(phase.operations) / phase.seconds),
                ]
            })
    }
}
