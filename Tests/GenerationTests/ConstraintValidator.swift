import Foundation
import OrderedJSON

/// Checks values against schemas, written apart from the grammar: it looks at finished values only.
struct ConstraintValidator {
    let root: JSONValue

    func problem(_ value: JSONValue, _ schema: JSONValue) -> String? {
        if let allowed = schema.bool { return allowed ? nil : "false schema" }
        if let reference = schema["$ref"]?.string {
            guard let target = resolve(reference) else { return "bad reference" }
            if let problem = problem(value, target) { return problem }
        }
        for part in schema["allOf"]?.array ?? [] { if let problem = problem(value, part) { return problem } }
        for key in ["anyOf", "oneOf"] {
            if let parts = schema[key]?.array, !parts.contains(where: { problem(value, $0) == nil }) { return key }
        }
        if let values = schema["enum"]?.array, !values.contains(value) { return "enum" }
        if let constant = schema["const"], constant != value { return "const" }
        if let type = schema["type"] {
            let names = type.string.map { [$0] } ?? type.array?.compactMap(\.string) ?? []
            if !names.contains(where: { fits(value, $0) }) { return "type \(names)" }
        }
        switch value {
        case .string(let text): return problem(text, schema)
        case .integer, .number: return problem(number: value.double ?? 0, schema)
        case .array(let items): return problem(items, schema)
        case .object(let object): return problem(object, schema)
        case .null, .bool: return nil
        }
    }

    private func resolve(_ reference: String) -> JSONValue? {
        var value: JSONValue? = root
        for part in reference.split(separator: "/").dropFirst() { value = value?[String(part)] }
        return value
    }

    private func fits(_ value: JSONValue, _ type: String) -> Bool {
        type == "integer" ? value.kind == "number" && value.integer != nil : value.kind == type
    }

    private func problem(_ text: String, _ schema: JSONValue) -> String? {
        let count = text.unicodeScalars.count
        if let minimum = schema["minLength"]?.integer, count < minimum { return "minLength" }
        if let maximum = schema["maxLength"]?.integer, count > maximum { return "maxLength" }
        if let pattern = schema["pattern"]?.string, text.range(of: pattern, options: .regularExpression) == nil {
            return "pattern \(pattern) of \(text.debugDescription)"
        }
        if schema["format"]?.string == "date" {
            let formatter = ISO8601DateFormatter()
            formatter.formatOptions = [.withFullDate]
            if formatter.date(from: text) == nil { return "date" }
        }
        return nil
    }

    private func problem(number: Double, _ schema: JSONValue) -> String? {
        if let bound = schema["minimum"]?.double, number < bound { return "minimum" }
        if let bound = schema["maximum"]?.double, number > bound { return "maximum" }
        if let bound = schema["exclusiveMinimum"]?.double, number <= bound { return "exclusiveMinimum" }
        if let bound = schema["exclusiveMaximum"]?.double, number >= bound { return "exclusiveMaximum" }
        if let divisor = schema["multipleOf"]?.double {
            let quotient = number / divisor
            if abs(quotient - quotient.rounded()) > 1e-9 * max(1, abs(quotient)) { return "multipleOf" }
        }
        return nil
    }

    private func problem(_ items: [JSONValue], _ schema: JSONValue) -> String? {
        if let minimum = schema["minItems"]?.integer, items.count < minimum { return "minItems" }
        if let maximum = schema["maxItems"]?.integer, items.count > maximum { return "maxItems" }
        let prefix = schema["prefixItems"]?.array ?? []
        for (item, schema) in zip(items, prefix) { if let problem = problem(item, schema) { return problem } }
        if let rest = schema["items"] {
            for item in items.dropFirst(prefix.count) { if let problem = problem(item, rest) { return problem } }
        }
        return nil
    }

    private func problem(_ object: JSONObject, _ schema: JSONValue) -> String? {
        for name in schema["required"]?.array ?? [] where !object.contains(name.string ?? "") { return "required" }
        if let minimum = schema["minProperties"]?.integer, object.count < minimum { return "minProperties" }
        if let maximum = schema["maxProperties"]?.integer, object.count > maximum { return "maxProperties" }
        for (key, value) in object.entries {
            let declared = schema["properties"]?[key] ?? schema["additionalProperties"] ?? true
            if let problem = problem(value, declared) { return "\(key): \(problem)" }
        }
        return nil
    }
}
