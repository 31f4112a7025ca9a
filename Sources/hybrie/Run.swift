import ArgumentParser
import Foundation
import Generation
import Logging
import OrderedJSON
import Providers
import Synchronization
import Tokenizers

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk to a model in the terminal.",
        discussion: "With PROMPT: one answer. Without: a conversation; Ctrl-C stops an answer, Ctrl-D ends the program."
    )

    @Argument(
        help: ArgumentHelp("A file, a folder, a name in the store, or what 'hybrie pull' takes.", valueName: "MODEL"))
    var model: String
    @Argument(help: ArgumentHelp("What to say; '-' reads it from standard input.", valueName: "PROMPT")) var prompt:
        String?
    @Option(help: "What the model is told first.") var system: String?
    @Option(help: "0 always takes the best token.") var temperature: Float = 0.7
    @Option(help: "Only tokens that reach this probability together.") var topP: Float = 0.95
    @Option(help: "The same seed gives the same answer.") var seed: UInt64?
    @Option(name: [.long, .customShort("n")], help: "Tokens of an answer at most.") var maxTokens: Int?
    @Flag(inversion: .prefixedNo, help: "Whether the model may think before it answers, if it can.") var thinking: Bool?
    @OptionGroup var machine: MachineFlags

    func validate() throws {
        guard (0...2).contains(temperature) else { throw ValidationError("--temperature must lie between 0 and 2") }
        guard topP > 0, topP <= 1 else { throw ValidationError("--top-p must lie above 0 and up to 1") }
        guard maxTokens.map({ $0 > 0 }) ?? true else { throw ValidationError("--max-tokens must be at least 1") }
    }

    func run() async throws {
        let wiring = try Wiring(Configuration(flags: machine), logLevel: .warning)
        try await wiring.withEgress { egress in
            let loaded = try await load(try await wiring.makeHost([model], egress, parallel: 1))
            try await talk(with: loaded)
        }
    }

    /// Loads the first model of a host before the eyes of whoever waits for it.
    private func load(_ host: ModelHost) async throws -> LoadedModel {
        let bar = ProgressBar()
        let watch = Task {
            while let first = await host.models.first {
                if case .loading(let status) = first.state { bar.show(status.bytes, of: status.totalBytes) }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
        defer {
            watch.cancel()
            bar.finish()
        }
        return try await host.load(nil)
    }

    private func talk(with loaded: LoadedModel) async throws {
        var messages: [JSONValue] = system.map { [["role": "system", "content": .string($0)]] } ?? []
        if let prompt {
            let text =
                prompt == "-" ? String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self) : prompt
            messages.append(["role": "user", "content": .string(text)])
            _ = try await answer(messages, with: loaded)
            return
        }
        let interrupts = Interrupts()
        while true {
            print("> ", terminator: "")
            flushOutput()
            guard let line = readLine() else { break }
            guard !line.isEmpty else { continue }
            messages.append(["role": "user", "content": .string(line)])
            let conversation = messages
            let task = Task { try await answer(conversation, with: loaded) }
            interrupts.onInterrupt { task.cancel() }
            let text = try await task.value
            interrupts.onInterrupt(nil)
            messages.append(["role": "assistant", "content": .string(text)])
        }
        print("")
    }

    /// Writes the answer as it comes.
    /// - Returns: the answer without what the model thought.
    private func answer(_ messages: [JSONValue], with loaded: LoadedModel) async throws -> String {
        guard let template = loaded.template else { return try await complete(messages, with: loaded) }
        var variables = JSONObject()
        if let thinking { variables["enable_thinking"] = .bool(thinking) }
        let tokens = try ChatPrompt(messages: messages, variables: variables).tokens(for: loaded, template: template)
        var request = request(tokens)
        request.maxTokens = maxTokens
        var parser = loaded.answerParser(prompt: tokens, tools: [])
        var content = ""
        for await event in try loaded.engine.generate(request) {
            switch event {
            case .prompt, .embedding: break
            case .token(_, let text): content += show(parser.append(text))
            case .finished(_, let text, _): content += show(parser.append(text) + parser.finish())
            case .failed(let error): throw error
            }
        }
        print("")
        return content
    }

    /// A model without a template goes on with the text.
    private func complete(_ messages: [JSONValue], with loaded: LoadedModel) async throws -> String {
        let text = messages.last?["content"]?.string ?? ""
        let tokens = (loaded.tokenizer.prefixIDs + loaded.tokenizer.encode(text)).compactMap { Int32(exactly: $0) }
        var content = ""
        for await event in try loaded.engine.generate(request(tokens)) {
            switch event {
            case .prompt, .embedding: break
            case .token(_, let text), .finished(_, let text, _): content += show([.content(text)])
            case .failed(let error): throw error
            }
        }
        print("")
        return content
    }

    private func request(_ tokens: [Int32]) -> GenerationRequest {
        var request = GenerationRequest(prompt: tokens)
        request.sampling.temperature = temperature
        request.sampling.topP = topP
        request.sampling.seed = seed
        request.maxTokens = maxTokens
        return request
    }

    /// Prints pieces; thinking in grey, where the terminal has colours.
    private func show(_ pieces: [AnswerPiece]) -> String {
        var content = ""
        let hasColours = isatty(STDOUT_FILENO) == 1
        for piece in pieces {
            switch piece {
            case .reasoning(let text): print(hasColours ? "\u{1B}[90m\(text)\u{1B}[0m" : text, terminator: "")
            case .content(let text):
                print(text, terminator: "")
                content += text
            case .toolCall, .toolArguments: break
            }
        }
        flushOutput()
        return content
    }

    private func flushOutput() { _ = fflush(nil) }
}

/// Turns Ctrl-C into a call instead of the end of the program.
final class Interrupts: Sendable {
    private let action = Mutex<(@Sendable () -> Void)?>(nil)
    nonisolated(unsafe) private let source: any DispatchSourceSignal

    init() {
        _ = signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { [weak self] in
            if let action = self?.action.withLock({ $0 }) { action() } else { exit(130) }
        }
        source.resume()
    }

    /// Says what Ctrl-C does from now on; `nil`: it ends the program.
    func onInterrupt(_ action: (@Sendable () -> Void)?) { self.action.withLock { $0 = action } }
}
