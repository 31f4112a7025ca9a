package import OrderedJSON

/// References inside one schema: `#`, `#/$defs/Name` (RFC 6901 in a fragment, RFC 3986 section 3.5).
package enum SchemaPointer {
    /// What `reference` names in `root`; none: nothing, or something elsewhere.
    package static func resolve(_ reference: String, in root: JSONValue) -> JSONValue? {
        guard reference.utf8.first == UInt8(ascii: "#") else { return nil }
        guard let path = decoded(Array(reference.utf8.dropFirst())) else { return nil }
        if path.isEmpty { return root }
        guard path.first == UInt8(ascii: "/") else { return nil }
        var value = root
        for part in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            let key = unescaped(part)
            switch value {
            case .object(let object):
                guard let next = object[key] else { return nil }
                value = next
            case .array(let elements):
                guard let place = Int(key), elements.indices.contains(place) else { return nil }
                value = elements[place]
            default: return nil
            }
        }
        return value
    }

    /// A path with `key` added.
    static func append(_ key: String, to path: String) -> String {
        var text = path + "/"
        for scalar in key.unicodeScalars {
            switch scalar {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private static func unescaped(_ part: ArraySlice<UInt8>) -> String {
        var result: [UInt8] = []
        var isEscaped = false
        for byte in part {
            if isEscaped {
                isEscaped = false
                result.append(byte == UInt8(ascii: "1") ? UInt8(ascii: "/") : UInt8(ascii: "~"))
                if byte != UInt8(ascii: "0"), byte != UInt8(ascii: "1") { result.append(byte) }
            } else if byte == UInt8(ascii: "~") {
                isEscaped = true
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func decoded(_ bytes: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var place = 0
        while place < bytes.count {
            if bytes[place] == UInt8(ascii: "%") {
                guard place + 2 < bytes.count,
                    let high = Character(Unicode.Scalar(bytes[place + 1])).hexDigitValue,
                    let low = Character(Unicode.Scalar(bytes[place + 2])).hexDigitValue
                else { return nil }
                result.append(UInt8(high << 4 | low))
                place += 3
            } else {
                result.append(bytes[place])
                place += 1
            }
        }
        return result
    }
}
