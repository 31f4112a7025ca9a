import OrderedJSON
import Tensors

/// A model's stored tensors by canonical name, whichever kind of file holds them.
struct TensorTable: Sendable {
    /// A tensor and the file that it lies in.
    struct Entry: Sendable {
        let tensor: StoredTensor
        let file: CheckpointFile
    }

    /// The file that errors about the whole model name.
    let file: String
    let isGGUF: Bool
    private(set) var entries: [UTF8Key: Entry] = [:]
    /// Names in GGUF files that no supported model has.
    private(set) var unknown: [String] = []

    /// The values that some Llama files keep as a tensor.
    static let ropeFactors = "rope_freqs.weight"

    init(gguf files: [GGUFFile]) {
        file = files.first?.file.name ?? ""
        isGGUF = true
        for file in files {
            for tensor in file.tensors {
                let name = tensor.name == Self.ropeFactors ? tensor.name : TensorNames.canonical(gguf: tensor.name)
                if let name {
                    entries[UTF8Key(name)] = Entry(tensor: tensor, file: file.file)
                } else {
                    unknown.append(tensor.name)
                }
            }
        }
    }

    init(safetensors folder: SafetensorsFolder) {
        file = folder.files.first?.file.name ?? ""
        isGGUF = false
        let tensors = folder.tensors
        // Saved from the class without the output head, names lack the prefix.
        let isBare = !tensors.contains { $0.tensor.name.utf8.starts(with: "model.".utf8) }
        for (tensor, file) in tensors {
            let needsPrefix = isBare && !tensor.name.utf8.starts(with: "lm_head.".utf8)
            let name = needsPrefix ? "model.\(tensor.name)" : tensor.name
            entries[UTF8Key(name)] = Entry(tensor: tensor, file: file)
        }
    }

    subscript(name: String) -> Entry? { entries[UTF8Key(name)] }

    /// The weight named `name`; `nil` if there is none, or its type is none for weights.
    func weight(_ name: String) -> CheckpointTensor? {
        guard let entry = self[name], case .weight(let format) = entry.tensor.elementType else { return nil }
        return CheckpointTensor(
            name: name, format: format, shape: entry.tensor.shape, file: entry.file, bytes: entry.tensor.bytes)
    }

    /// What the file itself calls the tensor with canonical name `name`.
    func shown(_ name: String) -> String { isGGUF ? TensorNames.gguf(canonical: name) : name }
}
