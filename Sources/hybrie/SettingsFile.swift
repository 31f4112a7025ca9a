import Foundation
import OrderedJSON
import TOMLReader

/// The TOML file; remembers which keys were asked for, so that a misspelt one is noticed.
final class SettingsFile {
    let name: String
    private let table: JSONObject
    private var known: Set<String> = []

    init(_ path: String?, home: String) throws {
        let usual = "\(home)/hybrie.toml"
        let chosen = path ?? (FileManager.default.fileExists(atPath: usual) ? usual : nil)
        name = chosen.map { ($0 as NSString).lastPathComponent } ?? "hybrie.toml"
        guard let chosen else {
            table = JSONObject()
            return
        }
        guard let data = FileManager.default.contents(atPath: chosen), data.count <= 1 << 20,
            let text = String(data: data, encoding: .utf8)
        else { throw ConfigurationError.unreadable(file: chosen) }
        do { table = try TOMLDocument.parse(text) } catch {
            throw ConfigurationError.malformed(file: name, reason: "\(error)")
        }
    }

    private func value(_ path: [String]) -> JSONValue? {
        known.insert(path.joined(separator: "."))
        guard path.count == 2 else { return table[path[0]] }
        return table[path[0]]?[path[1]]
    }

    private func typed<Value>(_ path: [String], _ kind: String, _ convert: (JSONValue) -> Value?) throws
        -> Value?
    {
        guard let found = value(path) else { return nil }
        guard let converted = convert(found) else {
            throw ConfigurationError.malformed(file: name, reason: "'\(path.joined(separator: "."))' must be \(kind)")
        }
        return converted
    }

    func string(_ path: String...) throws -> String? { try typed(path, "a string") { $0.string } }
    func integer(_ path: String...) throws -> Int? { try typed(path, "a whole number") { $0.integer } }
    func bool(_ path: String...) throws -> Bool? { try typed(path, "true or false") { $0.bool } }
    func strings(_ path: String...) throws -> [String]? {
        try typed(path, "a list of strings") { value in
            guard let array = value.array else { return nil }
            let strings = array.compactMap(\.string)
            return strings.count == array.count ? strings : nil
        }
    }

    func refuseUnknown() throws {
        for key in table.keys {
            if let inner = table[key]?.object {
                for name in inner.keys where !known.contains("\(key).\(name)") { throw unknown("\(key).\(name)") }
            } else if !known.contains(key) {
                throw unknown(key)
            }
        }
    }

    private func unknown(_ key: String) -> ConfigurationError {
        .malformed(file: name, reason: "'\(key)' is no setting; known are \(known.sorted().joined(separator: ", "))")
    }
}
