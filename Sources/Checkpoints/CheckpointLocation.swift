import Foundation

/// Which files a path given by the user stands for.
enum CheckpointLocation {
    /// A GGUF file, the first of its shards.
    case gguf(path: String)
    /// A folder in Hugging Face's layout, the stem of its weight files, and the model's name.
    case folder(path: String, stem: String, name: String)

    init(path: String, arrival: Arrival?) throws(CheckpointError) {
        if RegularFile.isFolder(path) {
            self = try Self.inFolder(path)
            return
        }
        let file = try CheckpointFile(path: path, arrival: arrival)
        if file.name.utf8.suffix(12).elementsEqual(".safetensors".utf8) {
            let folder = URL(filePath: path).standardizedFileURL.deletingLastPathComponent()
            self = .folder(
                path: folder.path(percentEncoded: false), stem: Self.stem(ofSafetensors: file.name),
                name: folder.lastPathComponent)
        } else if try file.bytes(in: 0..<min(4, file.size)).elementsEqual("GGUF".utf8) {
            self = .gguf(path: path)
        } else {
            throw .unsupported(file.name, "", expected: "a GGUF file, a safetensors file or a model's folder")
        }
    }

    private static func inFolder(_ path: String) throws(CheckpointError) -> CheckpointLocation {
        let name = URL(filePath: path).standardizedFileURL.lastPathComponent
        if RegularFile.exists("\(path)/config.json") { return .folder(path: path, stem: "model", name: name) }
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let models = files.filter { $0.utf8.suffix(5).elementsEqual(".gguf".utf8) && !isLaterShard($0) }
        guard models.count == 1, let model = models.first else {
            throw CheckpointError(
                .unreadable, file: name, expected: "a folder with config.json, or with one GGUF model",
                found: models.isEmpty ? "neither" : "\(models.count) GGUF models")
        }
        return .gguf(path: "\(path)/\(model)")
    }

    /// `model` of `model.safetensors` and of `model-00001-of-00003.safetensors`.
    private static func stem(ofSafetensors name: String) -> String {
        let stem = String(name.dropLast(12))
        return shardStem(stem) ?? stem
    }

    /// `Qwen3-8B-Q4_K_M` of `Qwen3-8B-Q4_K_M.gguf` and of `Qwen3-8B-Q4_K_M-00001-of-00003.gguf`.
    static func modelName(ofFile name: String) -> String {
        let isGGUF = name.utf8.suffix(5).elementsEqual(".gguf".utf8)
        let stem = isGGUF ? String(name.dropLast(5)) : name
        return shardStem(stem) ?? stem
    }

    private static func isLaterShard(_ name: String) -> Bool {
        let stem = String(name.dropLast(5))
        return shardStem(stem) != nil && !stem.contains("-00001-of-")
    }

    /// What stands before `-00001-of-00003`, if that is the end of `name`.
    private static func shardStem(_ name: String) -> String? {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        let isNumber = { (part: Substring) in part.utf8.count == 5 && part.allSatisfy { ("0"..."9").contains($0) } }
        guard parts.count > 3, parts[parts.count - 2] == "of", isNumber(parts[parts.count - 1]),
            isNumber(parts[parts.count - 3])
        else { return nil }
        return parts.dropLast(3).joined(separator: "-")
    }
}
