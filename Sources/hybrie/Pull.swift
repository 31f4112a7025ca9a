import ArgumentParser
import Foundation
import ModelStore
import Providers

struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch a model from a hub into the store.",
        discussion: """
            REF is hf://OWNER/NAME (a whole repository in Hugging Face's layout), or hf://OWNER/NAME[@REVISION]/FILE.gguf.
            The hub is the one that HF_ENDPOINT names. An interrupted pull goes on where it stopped.
            """)

    @Argument(help: ArgumentHelp("What to fetch.", valueName: "REF")) var reference: String
    @Option(help: "What to call it in the store.") var name: String?
    @OptionGroup var machine: MachineFlags

    func run() async throws {
        let configuration = try Configuration(flags: machine)
        let egress = EgressGuard(policy: configuration.policy)
        do {
            let store = ModelStore(home: configuration.home)
            let hub = Hub(endpoint: configuration.hubEndpoint, token: configuration.hubToken, transport: egress)
            let bar = ProgressBar()
            let stored = try await store.pull(try HubReference(reference), name: name, from: hub) { bar.show($0) }
            bar.finish()
            print("pulled \(stored.name) (\(stored.bytes >> 20) MiB)")
        } catch {
            try? await egress.shutdown()
            throw error
        }
        try await egress.shutdown()
    }
}

/// A line that is drawn over and over on a terminal; nothing where there is none.
struct ProgressBar: Sendable {
    private let isTerminal = isatty(STDERR_FILENO) == 1

    func show(_ progress: PullProgress) {
        guard isTerminal else { return }
        let fraction = progress.totalBytes > 0 ? Double(progress.bytes) / Double(progress.totalBytes) : 0
        let filled = Int(fraction * 30)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
        let text = String(
            format: "%5.1f %%  %d of %d MiB", fraction * 100, progress.bytes >> 20, progress.totalBytes >> 20)
        FileHandle.standardError.write(Data("\r\(bar) \(text)".utf8))
    }

    func finish() { if isTerminal { FileHandle.standardError.write(Data("\n".utf8)) } }
}
