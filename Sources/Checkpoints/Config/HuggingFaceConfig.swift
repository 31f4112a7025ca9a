import OrderedJSON

/// A `config.json`; `null` counts as absent.
struct HuggingFaceConfig: ConfigSource {
    let object: JSONObject
    let file: String

    func label(_ key: ConfigKey) -> String { key.rawValue }

    func integer(_ key: ConfigKey) throws(CheckpointError) -> Int? {
        if key == .numExperts, let experts = try integer("num_local_experts", in: object) { return experts }
        return try integer(key.rawValue, in: object)
    }

    func number(_ key: ConfigKey) throws(CheckpointError) -> Double? {
        // transformers 5 keeps the base under `rope_parameters`, earlier versions at the top.
        if key == .ropeTheta, let theta = try number(key.rawValue, in: try ropeParameters()) { return theta }
        return try number(key.rawValue, in: object)
    }

    /// The object that says how positions are rotated, under its new name or its old one.
    func ropeParameters() throws(CheckpointError) -> JSONObject {
        for key in ["rope_parameters", "rope_scaling"] {
            switch object[key] {
            case nil, .null?: continue
            case .object(let parameters)?:
                guard !parameters.entries.contains(where: { $0.value.object != nil }) else {
                    throw .unsupported(
                        file, key, expected: "the same rotation in all layers", found: "one by layer type")
                }
                return parameters
            case let other?: throw wrongType(key, "an object", other)
            }
        }
        return JSONObject()
    }

    func integer(_ key: String, in object: JSONObject) throws(CheckpointError) -> Int? {
        switch object[key] {
        case nil, .null?: return nil
        case .integer(let value)?: return value
        case let other?: throw wrongType(key, "an integer", other)
        }
    }

    func number(_ key: String, in object: JSONObject) throws(CheckpointError) -> Double? {
        switch object[key] {
        case nil, .null?: return nil
        case .integer(let value)?: return Double(value)
        case .number(let value)?: return value
        case let other?: throw wrongType(key, "a number", other)
        }
    }

    func bool(_ key: String) throws(CheckpointError) -> Bool? {
        switch object[key] {
        case nil, .null?: return nil
        case .bool(let value)?: return value
        case let other?: throw wrongType(key, "true or false", other)
        }
    }

    func string(_ key: String, in object: JSONObject) throws(CheckpointError) -> String? {
        switch object[key] {
        case nil, .null?: return nil
        case .string(let value)?: return value
        case let other?: throw wrongType(key, "a string", other)
        }
    }

    /// One integer or a list of them, no longer than any that makes sense: callers search through it.
    func integers(_ key: String) throws(CheckpointError) -> [Int] {
        guard let elements = object[key]?.array else { return try integer(key, in: object).map { [$0] } ?? [] }
        guard elements.count <= ModelConfig.Limit.layers.upperBound else {
            throw .malformed(file, key, expected: "a short list", found: "\(elements.count) elements")
        }
        var integers: [Int] = []
        for element in elements {
            guard case .integer(let value) = element else { throw wrongType(key, "integers", element) }
            integers.append(value)
        }
        return integers
    }

    private func wrongType(_ key: String, _ expected: String, _ found: JSONValue) -> CheckpointError {
        let found = CheckpointError.shown(found.string.map { "'\($0)'" } ?? found.double.map { "\($0)" } ?? found.kind)
        return .malformed(file, key, expected: expected, found: found)
    }
}
