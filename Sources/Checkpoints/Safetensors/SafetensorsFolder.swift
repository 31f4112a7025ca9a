package import OrderedJSON

/// All tensors of a model in safetensors: one file, or several with an index.
public struct SafetensorsFolder: Sendable {
    /// The files that hold the tensors.
    public let files: [SafetensorsFile]
    /// Places in ``files`` and their tensors, by name.
    private let places: [UTF8Key: (file: Int, tensor: Int)]

    /// More files than any model is cut into.
    private static let maximumFiles = 4096

    /// Opens `<stem>.safetensors` or `<stem>.safetensors.index.json` with its shards.
    /// - Parameters:
    ///   - path: the folder.
    ///   - stem: `model` for transformers, `diffusion_pytorch_model` for diffusers.
    ///   - arrival: see ``CheckpointFile``.
    /// - Throws: ``CheckpointError``; also if a shard's tensors aren't those that the index promises.
    public init(path: String, stem: String = "model", arrival: Arrival? = nil) throws(CheckpointError) {
        let single = "\(path)/\(stem).safetensors"
        let index = single + ".index.json"
        if RegularFile.exists(single) || !RegularFile.exists(index) {
            files = [try SafetensorsFile(path: single, arrival: arrival)]
        } else {
            files = try Self.openShards(folder: path, index: index, arrival)
        }
        var places: [UTF8Key: (file: Int, tensor: Int)] = [:]
        for (file, content) in files.enumerated() {
            for (place, tensor) in content.tensors.enumerated() { places[UTF8Key(tensor.name)] = (file, place) }
        }
        self.places = places
    }

    /// The tensors of all files, with the file that holds each.
    public var tensors: [(tensor: StoredTensor, file: CheckpointFile)] {
        files.flatMap { file in file.tensors.map { ($0, file.file) } }
    }

    /// The tensor named `name` if there is one whose elements the engine computes with.
    public func tensor(_ name: String) -> CheckpointTensor? {
        guard let place = places[UTF8Key(name)] else { return nil }
        let (file, tensor) = (files[place.file].file, files[place.file].tensors[place.tensor])
        guard case .weight(let format) = tensor.elementType else { return nil }
        return CheckpointTensor(name: name, format: format, shape: tensor.shape, file: file, bytes: tensor.bytes)
    }

    private static func openShards(
        folder: String, index path: String, _ arrival: Arrival?
    ) throws(CheckpointError) -> [SafetensorsFile] {
        let name = CheckpointFile.name(ofPath: path)
        let map = try shardNames(try JSONFile.read(path, arrival), index: name)
        var promised: [UTF8Key: [UTF8Key: Bool]] = [:]
        var shards: [String] = []
        for (tensor, shard) in map {
            if promised[UTF8Key(shard)] == nil { shards.append(shard) }
            promised[UTF8Key(shard), default: [:]][UTF8Key(tensor)] = false
            guard shards.count <= maximumFiles else {
                throw .malformed(name, "weight_map", expected: "at most \(maximumFiles) files", found: "more")
            }
        }
        var files: [SafetensorsFile] = []
        for shard in shards {
            let file = try SafetensorsFile(path: "\(folder)/\(shard)", arrival: arrival)
            var missing = promised[UTF8Key(shard)] ?? [:]
            for tensor in file.tensors where missing.removeValue(forKey: UTF8Key(tensor.name)) == nil {
                throw .inconsistent(
                    shard, tensor.name, expected: "only tensors that the index places in this file", found: "this one")
            }
            if let tensor = missing.keys.map(\.text).min() {
                throw .inconsistent(shard, tensor, expected: "this tensor, as the index says")
            }
            files.append(file)
        }
        return files
    }

    /// Tensor and file names of an index, each file name one that stays in the folder.
    package static func shardNames(
        _ index: JSONObject, index name: String
    ) throws(CheckpointError) -> [(tensor: String, shard: String)] {
        guard let map = index["weight_map"]?.object, !map.isEmpty else {
            throw .malformed(name, "weight_map", expected: "an object of file names")
        }
        var names: [(tensor: String, shard: String)] = []
        names.reserveCapacity(map.count)
        for (tensor, value) in map.entries {
            guard let shard = value.string, isPlainFileName(shard) else {
                let found = value.string.map(CheckpointError.quoted) ?? "a JSON \(value.kind)"
                throw .malformed(
                    name, "weight_map.\(tensor)", expected: "the plain name of a .safetensors file", found: found)
            }
            names.append((tensor, shard))
        }
        return names
    }

    private static func isPlainFileName(_ name: String) -> Bool {
        let bytes = name.utf8
        let isForbidden = { (byte: UInt8) in
            byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\")
        }
        return bytes.count <= 255 && bytes.first != UInt8(ascii: ".") && !bytes.contains(where: isForbidden)
            && bytes.suffix(12).elementsEqual(".safetensors".utf8) && bytes.count > 12
    }
}
