/// A safetensors file: a JSON header, then the tensors' bytes, in the file.
///
/// The format: github.com/huggingface/safetensors. As in its reference reader, tensors lie without gap or overlap from
/// the header's end to the file's end.
public struct SafetensorsFile: Sendable {
    /// The open file.
    public let file: CheckpointFile
    /// The texts under `__metadata__`, in order.
    public let metadata: [(key: String, value: String)]
    /// The tensors in the header's order.
    public let tensors: [StoredTensor]

    /// Opens the file at `path` and reads its header.
    /// - Throws: ``CheckpointError`` that names file, tensor and value.
    public init(path: String, arrival: Arrival? = nil) throws(CheckpointError) {
        try self.init(CheckpointFile(path: path, arrival: arrival))
    }

    /// Reads a whole file that lies in memory, for tests and fuzzers.
    package init(bytes: [UInt8], name: String) throws(CheckpointError) {
        try self.init(CheckpointFile(name: name, copying: bytes))
    }

    init(_ file: CheckpointFile) throws(CheckpointError) {
        let header = try SafetensorsHeader(file)
        self.file = file
        metadata = header.metadata
        tensors = header.tensors
    }
}
