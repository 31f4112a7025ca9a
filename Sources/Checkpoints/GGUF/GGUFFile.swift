/// A GGUF file, version 2 or 3: typed metadata, and tensors that lie in the file.
///
/// The format: github.com/ggml-org/ggml, docs/gguf.md. Every count, length and offset is compared with the file before
/// it is used; what a header promises beyond the file's end is refused.
public struct GGUFFile: Sendable {
    /// The open file.
    public let file: CheckpointFile
    /// The format's version, 2 or 3.
    public let version: Int
    /// Keys and values.
    public let metadata: GGUFMetadata
    /// The tensors in the header's order.
    public let tensors: [StoredTensor]

    /// Opens the file at `path` and reads its header.
    /// - Throws: ``CheckpointError`` that names file, key or tensor, and value.
    public init(path: String, arrival: Arrival? = nil) throws(CheckpointError) {
        try self.init(CheckpointFile(path: path, arrival: arrival))
    }

    /// Reads a whole file that lies in memory, for tests and fuzzers.
    package init(bytes: [UInt8], name: String) throws(CheckpointError) {
        try self.init(CheckpointFile(name: name, copying: bytes))
    }

    init(_ file: CheckpointFile) throws(CheckpointError) {
        var parser = GGUFParser(file)
        let counts = try parser.parseStart()
        self.file = file
        version = counts.version
        metadata = try parser.parseMetadata(count: counts.values)
        let alignment = try GGUFParser.alignment(metadata)
        tensors = try parser.parseTensors(count: counts.tensors, alignment: alignment)
    }
}
