import OrderedJSON

/// A model that `gguf-split` cut into files: `name-00001-of-00003.gguf` and so on, metadata in the first.
enum GGUFShards {
    /// The file at `path` and, if it is the first of several, the others next to it.
    static func open(path: String, arrival: Arrival?) throws(CheckpointError) -> [GGUFFile] {
        let first = try GGUFFile(path: path, arrival: arrival)
        let name = first.file.name
        let count = try first.metadata.integer("split.count") ?? 1
        guard count > 1 else { return [first] }
        guard let stem = stem(ofName: name, number: 1, count: count) else {
            throw .inconsistent(
                name, "split.count",
                expected: "to be given the first of \(count) files, named …-00001-of-\(padded(count)).gguf")
        }
        try check(first, number: 1, count: count)
        let folder = path.utf8.dropLast(name.utf8.count)
        var files = [first]
        for number in 2...count {
            let path = "\(Substring(folder))\(stem)-\(padded(number))-of-\(padded(count)).gguf"
            let file = try GGUFFile(path: path, arrival: arrival)
            try check(file, number: number, count: count)
            files.append(file)
        }
        try checkTensors(files)
        return files
    }

    /// The name without `-00001-of-00003.gguf`; `nil` if it has no such end.
    static func stem(ofName name: String, number: Int, count: Int) -> String? {
        let ending = "-\(padded(number))-of-\(padded(count)).gguf"
        guard name.utf8.count > ending.utf8.count, name.utf8.suffix(ending.utf8.count).elementsEqual(ending.utf8) else {
            return nil
        }
        return String(name.utf8.dropLast(ending.utf8.count))
    }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    private static func check(_ file: GGUFFile, number: Int, count: Int) throws(CheckpointError) {
        let (foundNumber, foundCount) = (
            try file.metadata.integer("split.no"), try file.metadata.integer("split.count")
        )
        guard foundNumber == number - 1, foundCount == count else {
            throw .inconsistent(
                file.file.name, "split.no", expected: "file \(number - 1) of \(count), counted from 0",
                found: "\(foundNumber.map(String.init) ?? "none") of \(foundCount.map(String.init) ?? "none")")
        }
    }

    private static func checkTensors(_ files: [GGUFFile]) throws(CheckpointError) {
        var names: Set<UTF8Key> = []
        for file in files {
            for tensor in file.tensors where !names.insert(UTF8Key(tensor.name)).inserted {
                throw .inconsistent(
                    file.file.name, tensor.name, expected: "each tensor in one file", found: "it in an earlier one too")
            }
        }
        if let announced = try files[0].metadata.integer("split.tensors.count"), announced != names.count {
            throw .inconsistent(
                files[0].file.name, "split.tensors.count", expected: "the files' \(names.count) tensors",
                found: "\(announced)")
        }
    }
}
