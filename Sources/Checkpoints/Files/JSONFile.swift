import OrderedJSON

/// Small JSON files next to the weights.
enum JSONFile {
    /// Far above any real configuration, tokeniser settings with their templates included.
    private static let limits = JSONLimits(bytes: 32 << 20, depth: 64, values: 4_000_000)

    /// The object in the file at `path`; `nil` if there is no such file.
    static func readIfPresent(_ path: String, _ arrival: Arrival?) throws(CheckpointError) -> JSONObject? {
        guard RegularFile.exists(path) else { return nil }
        return try read(path, arrival)
    }

    /// The object in the file at `path`.
    static func read(_ path: String, _ arrival: Arrival?) throws(CheckpointError) -> JSONObject {
        let file = try CheckpointFile(path: path, arrival: arrival)
        return try parse(file, range: 0..<file.size, limits: limits)
    }

    /// The object in `range` of `file`, which the caller has compared with the file's size.
    static func parse(_ file: CheckpointFile, range: Range<Int>, limits: JSONLimits) throws(CheckpointError)
        -> JSONObject
    {
        guard range.count <= limits.bytes else {
            throw .malformed(file.name, "", expected: "at most \(limits.bytes) bytes of JSON", found: "\(range.count)")
        }
        let bytes = try file.bytes(in: range)
        do {
            let value = try JSONValue(parsing: bytes, limits: limits)
            guard let object = value.object else {
                throw CheckpointError.malformed(file.name, "", expected: "a JSON object", found: "a JSON \(value.kind)")
            }
            return object
        } catch let error as JSONError {
            throw .malformed(file.name, "", expected: "JSON", found: CheckpointError.shown("\(error)"))
        } catch let error as CheckpointError {
            throw error
        } catch {
            throw .malformed(file.name, "", expected: "JSON")
        }
    }
}
