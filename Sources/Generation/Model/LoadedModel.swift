public import Checkpoints
import Foundation
import LanguageModels
import Synchronization
public import Tensors
public import Tokenizers

/// A model that is in memory and answers: its engine, its tokeniser, its chat template.
public final class LoadedModel: Sendable {
    /// The name that requests use.
    public let id: String
    /// Its shape.
    public let config: ModelConfig
    /// Texts to tokens and back.
    public let tokenizer: Tokenizer
    /// Conversations to prompts; none for models without one.
    public let template: ChatTemplate?
    /// How the model marks thinking and tool calls: read from its template; where that has no calls, as Hermes does.
    public let answerFormat: AnswerFormat
    /// Whether the template itself tells the model about tools.
    let templateKnowsTools: Bool
    /// Texts of special tokens by name (`bos_token` …), for the template.
    public let specialTokens: [String: String]
    /// Ids at which an answer ends.
    public let endTokens: Set<Int32>
    /// Runs it.
    public let engine: Engine
    /// Compiled schemas of earlier requests.
    let grammars = GrammarCache()
    private let index = Mutex<VocabularyIndex?>(nil)
    /// What it was planned to take of memory.
    public let plan: MemoryPlan

    /// Loads a checkpoint.
    /// - Parameters:
    ///   - id: the name that requests will use.
    ///   - plan: sizes that were found to fit.
    ///   - draftTokens: see ``EngineOptions/draftTokens``.
    ///   - progress: told the bytes of the checkpoint that are done; throwing stops the load.
    /// - Throws: `CheckpointError`, `TokenizerError`, `TemplateError` or `TensorError` with what is at fault.
    public init(
        _ checkpoint: Checkpoint, id: String, device: any Device, plan: MemoryPlan,
        draftTokens: Int = EngineOptions.usualDraftTokens, progress: @escaping (Int) throws -> Void = { _ in }
    ) throws {
        self.id = id
        self.plan = plan
        config = checkpoint.config
        var format = AnswerFormat.detect(templateSource: checkpoint.chatTemplate ?? "")
        templateKnowsTools = format.toolCalls != .none
        if !templateKnowsTools { format.toolCalls = .hermes }
        answerFormat = format
        template = try checkpoint.chatTemplate.map { source throws(TemplateError) in try ChatTemplate(source) }
        specialTokens = checkpoint.specialTokens
        endTokens = Set(checkpoint.config.eosTokenIDs.compactMap { Int32(exactly: $0) })
        let (tokenizer, decoder) = try Self.load(checkpoint, on: device, progress: progress)
        self.tokenizer = tokenizer
        var options = EngineOptions(contextTokens: plan.contextTokens, cacheTokens: plan.cacheTokens)
        options.parallel = plan.parallel
        options.cacheFormat = plan.cacheFormat
        options.draftTokens = draftTokens
        engine = try Engine(decoder: decoder, tokenizer: tokenizer, endTokens: endTokens, options: options)
    }

    /// Makes the tokenizer while the weights are read: a large vocabulary takes as long as a small model.
    private static func load(
        _ checkpoint: Checkpoint, on device: any Device, progress: @escaping (Int) throws -> Void
    ) throws -> (Tokenizer, any Decoder) {
        let tokenizer = Mutex<Result<Tokenizer, any Error>?>(nil)
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            let result = Result<Tokenizer, any Error> { try Tokenizer(checkpoint) }
            tokenizer.withLock { $0 = result }
            done.signal()
        }
        thread.start()
        let decoder = Result {
            try DecoderRegistry.load(checkpoint, on: device) { bytes in
                // Of no use without a tokenizer, however many gigabytes are still to come.
                if case .failure(let error)? = tokenizer.withLock({ $0 }) { throw error }
                try progress(bytes)
            }
        }
        done.wait()
        guard let made = tokenizer.withLock({ $0 }) else { preconditionFailure("the thread has set it") }
        // Reading took and gave back much.
        ProcessMemory.returnFreed()
        return (try made.get(), try decoder.get())
    }

    deinit { engine.stop() }

    /// The tokens by their bytes, for constraints; made when the first one is asked for.
    var vocabulary: VocabularyIndex {
        index.withLock { index in
            let made = index ?? VocabularyIndex(tokenizer: tokenizer)
            index = made
            return made
        }
    }
}

extension Tokenizer {
    /// The tokeniser that came with a checkpoint.
    /// - Throws: `TokenizerError` or `CheckpointError`.
    public init(_ checkpoint: Checkpoint) throws {
        switch checkpoint.tokenizer {
        case .huggingFace(let file):
            guard file.size <= Tokenizer.maximumFileBytes else {
                throw TokenizerError.tooLarge(bytes: file.size, limit: Tokenizer.maximumFileBytes)
            }
            try self.init(huggingFaceJSON: file.contents())
        case .gguf(let vocabulary):
            try self.init(
                gguf: Tokenizers.GGUFVocabulary(
                    tokens: vocabulary.tokens, types: vocabulary.types.map(\.rawValue), merges: vocabulary.merges,
                    preTokenizer: vocabulary.pre, addsBeginning: vocabulary.addBOS, beginningID: vocabulary.bosTokenID,
                    endID: vocabulary.eosTokenID, paddingID: vocabulary.padTokenID))
        case nil:
            throw TokenizerError.malformed(field: "tokenizer.json", reason: "is missing; put it beside the weights")
        }
    }
}
