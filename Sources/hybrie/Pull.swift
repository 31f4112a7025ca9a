import ArgumentParser
import Foundation
import Logging
import Mesh
import ModelStore
import Providers
import Synchronization
import Tensors

struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch a model from a hub or from other nodes into the store.",
        discussion: """
            REF is hf://OWNER/NAME (a whole repository in Hugging Face's layout), or hf://OWNER/NAME[@REVISION]/FILE.gguf.
            The hub is the one that HF_ENDPOINT names; nodes that have the same bytes send them too. peer://NODE/NAME takes a model
            from all nodes that have some of it; NODE is the id or the name of one that has it whole, as 'hybrie peers' shows them.
            https://HOST/FILE.gguf needs --sha256.
            An interrupted pull goes on where it stopped.
            """)

    @Argument(help: ArgumentHelp("What to fetch.", valueName: "REF")) var reference: String
    @Option(help: "What to call it in the store.") var name: String?
    @Option(help: "The SHA-256 of a GGUF file that REF, an http(s) address, names.") var sha256: String?
    @OptionGroup var machine: MachineFlags

    func run() async throws {
        let wiring = try Wiring(Configuration(flags: machine), logLevel: .warning)
        let bytesBySource = Mutex<[String: Int]>([:])
        let bar = ProgressBar()
        defer { bar.finish() }
        let stored = try await wiring.withEgress { egress in
            if let sha256 {
                let hub = wiring.hub(egress)
                return try await wiring.store.pull(address: reference, sha256: sha256, name: name, from: hub) {
                    bar.show($0.bytes, of: $0.totalBytes)
                }
            }
            guard let named = try ModelReference(reference) else { throw HubError.badReference(reference) }
            return try await wiring.fetch(named, as: name, by: egress) { progress in
                bytesBySource.withLock { $0 = progress.bytesBySource }
                bar.show(progress.bytes, of: progress.totalBytes, sources: progress.sources)
            }
        }
        bar.finish()
        for (id, bytes) in bytesBySource.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            print("\(bytes >> 20) MiB from \(id)")
        }
        print("pulled \(stored.name) (\(stored.bytes >> 20) MiB)")
    }
}

/// A line that is drawn over and over on a terminal; nothing where there is none.
final class ProgressBar: Sendable {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let started = ContinuousClock.now
    private let state = Mutex((first: Int?.none, drawn: ContinuousClock.now - .seconds(1)))

    /// Shows how much is there, how fast it comes, and how long the rest takes.
    /// - Parameter sources: where it comes from, if from several.
    func show(_ bytes: Int, of total: Int, sources: Int? = nil) {
        guard isTerminal else { return }
        let now = ContinuousClock.now
        let first = state.withLock { state -> Int? in
            guard now - state.drawn > .milliseconds(100) || bytes == total else { return nil }
            state.drawn = now
            state.first = state.first ?? bytes
            return state.first
        }
        guard let first else { return }
        let fraction = total > 0 ? Double(bytes) / Double(total) : 0
        let filled = Int(fraction * 30)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
        let seconds = started.duration(to: now).seconds
        let rate = seconds > 0 ? Double(bytes - first) / seconds : 0
        var text = String(
            format: "%5.1f %%  %d of %d MiB, %.0f MiB/s", fraction * 100, bytes >> 20, total >> 20, rate / 1_048_576)
        if rate > 0 { text += String(format: ", %.0f s left", Double(total - bytes) / rate) }
        if let sources { text += ", \(sources) source\(sources == 1 ? "" : "s")" }
        FileHandle.standardError.write(Data("\r\(bar) \(text)\u{1B}[K".utf8))
    }

    /// Ends the line.
    func finish() {
        let hasDrawn = state.withLock { state in
            defer { state.first = nil }
            return state.first != nil
        }
        if hasDrawn { FileHandle.standardError.write(Data("\n".utf8)) }
    }
}
