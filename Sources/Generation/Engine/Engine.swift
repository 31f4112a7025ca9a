import Checkpoints
import Foundation
public import LanguageModels
import Synchronization
import Tensors
public import Tokenizers

/// Runs one model for many requests at once, on a thread of its own: a bounded queue in, async streams out.
public final class Engine: Sendable {
    /// The limits it keeps.
    public let options: EngineOptions
    /// The model it runs.
    public let decoder: any Decoder
    private let tokenizer: Tokenizer
    private let endTokens: Set<Int32>
    private let inbox: Inbox

    /// Starts the thread.
    /// - Parameter endTokens: ids at which an answer ends.
    /// - Throws: `TensorError` if there is no memory for the key-value cache.
    public init(decoder: any Decoder, tokenizer: Tokenizer, endTokens: Set<Int32>, options: EngineOptions) throws {
        self.decoder = decoder
        self.tokenizer = tokenizer
        self.endTokens = endTokens
        self.options = options
        inbox = Inbox(limit: options.queue)
        let loop = try EngineLoop(decoder: decoder, endTokens: endTokens, options: options, inbox: inbox)
        let handover = Handover(loop)
        let thread = Thread { handover.loop.run() }
        thread.name = "hybrie-engine"
        thread.stackSize = 4 << 20
        thread.start()
    }

    /// `@unchecked Sendable`: the loop is made here and from then on belongs to its thread.
    private final class Handover: @unchecked Sendable {
        let loop: EngineLoop
        init(_ loop: EngineLoop) { self.loop = loop }
    }

    /// Takes a request. The stream ends with ``GenerationEvent/finished(_:text:usage:)`` or
    /// ``GenerationEvent/failed(_:)``; leaving it early stops the sequence within a step.
    /// - Throws: ``EngineError``.
    public func generate(_ request: GenerationRequest) throws(EngineError) -> AsyncStream<GenerationEvent> {
        try check(request.prompt)
        let room = options.contextTokens - request.prompt.count
        let maxTokens = request.maxTokens ?? room
        guard room >= maxTokens, room > 0 || maxTokens == 0 else {
            throw .contextExceeded(
                prompt: request.prompt.count, maxTokens: request.maxTokens, context: options.contextTokens)
        }
        let inbox = inbox
        let (outlet, stream) = Outlet.make { inbox.wake() }
        try inbox.put(EngineCommand(request: request, maxTokens: maxTokens, tokenizer: tokenizer, outlet: outlet))
        return stream
    }

    /// The mean of the final hidden states of each text's tokens, `[hidden]` each, not normalised.
    ///
    /// Each text is a prompt like any other: it waits, runs in chunks beside answers, and ends when the task is cancelled.
    /// - Throws: ``EngineError``, or `CancellationError`.
    public func embed(_ texts: [[Int32]]) async throws -> [[Float]] {
        var results: [[Float]] = []
        for tokens in texts {
            var request = GenerationRequest(prompt: tokens)
            request.embeds = true
            request.maxTokens = 0
            for await event in try generate(request) {
                if case .embedding(let vector) = event { results.append(vector) }
                if case .failed(let error) = event { throw error }
            }
            try Task.checkCancellation()
        }
        return results
    }

    /// Ends all sequences and the thread.
    public func stop() { inbox.close() }

    /// Counters as of now.
    public var statistics: EngineStatistics { inbox.statistics }

    /// Whether the thread is at work or idle, rather than stuck for more than `limit` or gone.
    public func isAlive(within limit: Duration = .seconds(5)) -> Bool { inbox.isAlive(within: limit) }

    private func check(_ tokens: [Int32]) throws(EngineError) {
        guard !tokens.isEmpty else { throw .badPrompt("the prompt has no tokens; give at least one") }
        if let bad = tokens.first(where: { $0 < 0 || Int($0) >= decoder.config.vocabSize }) {
            throw .badPrompt("token id \(bad) is outside the vocabulary of \(decoder.config.vocabSize)")
        }
    }
}

/// What a request is to the engine's thread.
struct EngineCommand: Sendable {
    let request: GenerationRequest
    let maxTokens: Int
    let tokenizer: Tokenizer
    let outlet: Outlet
}

/// The bounded queue between requests and the engine's thread, and what the thread tells about itself.
final class Inbox: Sendable {
    private struct State {
        var commands: [EngineCommand] = []
        var isClosed = false
        var statistics = EngineStatistics()
        var heartbeat = ContinuousClock.now
        var isIdle = true
    }
    private let state = Mutex(State())
    private let bell = NSCondition()
    private let rings = Atomic<Int>(0)
    let limit: Int

    init(limit: Int) { self.limit = limit }

    func put(_ command: EngineCommand) throws(EngineError) {
        let error: EngineError? = state.withLock { state in
            if state.isClosed { return .stopped }
            let waiting = state.statistics.waiting + state.commands.count
            guard waiting < limit else {
                state.statistics.refused += 1
                return .queueFull(waiting: waiting)
            }
            state.statistics.requests += 1
            state.commands.append(command)
            // From now on the thread is expected to move.
            if state.isIdle { state.heartbeat = .now }
            state.isIdle = false
            return nil
        }
        if let error { throw error }
        wake()
    }

    func close() {
        let left = state.withLock { state in
            state.isClosed = true
            defer { state.commands = [] }
            return state.commands
        }
        for command in left { command.outlet.finish(.failed(.stopped)) }
        wake()
    }

    /// Makes the thread look again: at commands, at sequences whose reader left.
    func wake() {
        bell.lock()
        rings.wrappingAdd(1, ordering: .relaxed)
        bell.signal()
        bell.unlock()
    }

    /// Takes all commands; `nil` once the inbox is closed. Called at every step, it is the thread's heartbeat too.
    func take() -> [EngineCommand]? {
        state.withLock { state in
            state.heartbeat = .now
            state.isIdle = false
            guard !state.isClosed else { return nil }
            defer { state.commands = [] }
            // They wait until the thread says otherwise: the queue's bound holds at every moment.
            state.statistics.waiting += state.commands.count
            return state.commands
        }
    }

    /// Tells what the thread knows.
    func publish(_ update: (inout EngineStatistics) -> Void) { state.withLock { update(&$0.statistics) } }

    /// Sleeps until the next ring, unless one came since `seen`.
    func wait(since seen: Int) {
        state.withLock { $0.isIdle = $0.commands.isEmpty && !$0.isClosed }
        bell.lock()
        while rings.load(ordering: .relaxed) == seen { bell.wait() }
        bell.unlock()
        state.withLock {
            $0.isIdle = false
            $0.heartbeat = .now
        }
    }

    var ringsSoFar: Int { rings.load(ordering: .relaxed) }
    var statistics: EngineStatistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.waiting += state.commands.count
            return statistics
        }
    }

    func isAlive(within limit: Duration) -> Bool {
        state.withLock { !$0.isClosed && ($0.isIdle || $0.heartbeat.duration(to: .now) < limit) }
    }
}
