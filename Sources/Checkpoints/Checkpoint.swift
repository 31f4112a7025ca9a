import OrderedJSON
import Tensors

/// A decoder's files, opened and checked: its configuration, its weights by name, what its tokeniser is made from.
///
/// Weights have the names of Hugging Face's model classes (`model.layers.0.self_attn.q_proj.weight`), whether they come
/// from GGUF or safetensors. They stay in the files until they are asked for.
public struct Checkpoint: Sendable {
    /// The decoder's shape and arithmetic.
    public let config: ModelConfig
    /// The name of file or folder, without suffix and shard number.
    public let name: String
    /// What the tokeniser is made from; `nil` if it isn't kept here, as with text encoders.
    public let tokenizer: TokenizerSource?
    /// The Jinja template that turns a conversation into a prompt.
    public let chatTemplate: String?
    /// Texts of special tokens by their names in `tokenizer_config.json`: `bos_token`, `eos_token` and so on.
    public let specialTokens: [String: String]

    private let table: TensorTable

    /// Opens a model and checks that its tensors are exactly those that its configuration asks for.
    /// - Parameters:
    ///   - path: a GGUF file (of several, the first), a safetensors file in its folder, or a folder in Hugging Face's
    ///     layout; a folder without one may hold a single GGUF model.
    ///   - arrival: for files that are still on their way: opening and reading wait for the bytes that they need.
    /// - Throws: ``CheckpointError`` with the first fault found; for tensors, with a list of them.
    public init(path: String, arrival: Arrival? = nil) throws(CheckpointError) {
        switch try CheckpointLocation(path: path, arrival: arrival) {
        case .gguf(let path): try self.init(gguf: GGUFShards.open(path: path, arrival: arrival))
        case .folder(let folder, let stem, let name):
            let weights = try SafetensorsFolder(path: folder, stem: stem, arrival: arrival)
            try self.init(folder: folder, weights: weights, name: name, arrival: arrival)
        }
    }

    /// Opens a single GGUF file that lies in memory, for tests and fuzzers.
    package init(ggufBytes: [UInt8], name: String) throws(CheckpointError) {
        try self.init(gguf: [GGUFFile(bytes: ggufBytes, name: name)])
    }

    private init(gguf shards: [GGUFFile]) throws(CheckpointError) {
        let (metadata, fileName) = (shards[0].metadata, shards[0].file.name)
        table = TensorTable(gguf: shards)
        let factors =
            table[TensorTable.ropeFactors] == nil ? nil : try table.weight(TensorTable.ropeFactors)?.floats() ?? []
        var config = try ModelConfig(
            metadata, embedding: table["model.embed_tokens.weight"]?.tensor.shape ?? [],
            isTied: table["lm_head.weight"] == nil, frequencyFactors: factors)
        try table.check(against: config)
        let vocabulary = try GGUFVocabulary(metadata, rows: config.vocabSize)
        config.bosTokenID = vocabulary.bosTokenID
        config.eosTokenIDs = vocabulary.endTokenIDs
        self.config = config
        name = CheckpointLocation.modelName(ofFile: fileName)
        tokenizer = .gguf(vocabulary)
        chatTemplate = try metadata.string("tokenizer.chat_template")
        specialTokens = vocabulary.specialTokens
    }

    private init(folder: String, weights: SafetensorsFolder, name: String, arrival: Arrival?) throws(CheckpointError) {
        table = TensorTable(safetensors: weights)
        config = try ModelConfig(
            huggingFace: JSONFile.read("\(folder)/config.json", arrival),
            generation: JSONFile.readIfPresent("\(folder)/generation_config.json", arrival))
        try table.check(against: config)
        self.name = name
        let settings = try HuggingFaceTokenizerFiles(folder: folder, arrival: arrival)
        tokenizer = settings.tokenizer
        chatTemplate = settings.chatTemplate
        specialTokens = settings.specialTokens
    }
}

extension Checkpoint {
    /// Bytes of all weights as they are stored.
    public var totalBytes: Int { table.entries.values.reduce(0) { $0 + $1.tensor.bytes.count } }

    /// The canonical names of all tensors, sorted.
    public var tensorNames: [String] { table.entries.keys.map(\.text).sorted() }

    /// The weight with the canonical name `name`.
    /// - Throws: ``CheckpointError`` if there is none.
    public func tensor(_ name: String) throws(CheckpointError) -> CheckpointTensor { try table.required(name) }

    /// The weight with the canonical name `name`, if there is one.
    public func optionalTensor(_ name: String) -> CheckpointTensor? { table.weight(name) }

    /// One matrix `[rows, columns]` for each expert of a sparse layer, however the files keep them.
    /// - Parameters:
    ///   - layer: counted from 0.
    ///   - projection: `gate_proj`, `up_proj` or `down_proj`.
    /// - Throws: ``CheckpointError`` if the layer has no such experts.
    public func experts(layer: Int, projection: String) throws(CheckpointError) -> [CheckpointTensor] {
        try table.experts(layer: layer, projection: projection, count: config.numExperts)
    }
}
