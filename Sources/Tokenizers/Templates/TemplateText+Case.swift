extension Unicode.Scalar {
    /// Whether the character has an upper, lower or title case form of itself (Unicode's `Cased`).
    var isCasedLetter: Bool {
        properties.isLowercase || properties.isUppercase || properties.generalCategory == .titlecaseLetter
    }
}

extension TemplateText {
    var uppercased: TemplateText { mapping { $1.properties.uppercaseMapping } }

    var lowercased: TemplateText {
        let all = bytes.contains(0xCE) ? scalars : []
        return mapping { Self.lowercase($1, at: $0, in: all) }
    }

    /// The lower case of one character; `all` may be empty where there is no capital sigma.
    private static func lowercase(
        _ scalar: Unicode.Scalar, at index: Int, in all: [Unicode.Scalar], from start: Int = 0
    ) -> String {
        guard scalar == "\u{3A3}", !all.isEmpty else { return scalar.properties.lowercaseMapping }
        // The final form of sigma (The Unicode Standard 16.0, table 3-17).
        let before = all[start..<index].last { !$0.properties.isCaseIgnorable }
        let after = all[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        return before?.isCasedLetter == true && after?.isCasedLetter != true ? "\u{3C2}" : "\u{3C3}"
    }

    /// The first character in title case, the others in lower case.
    var capitalized: TemplateText {
        let all = scalars
        return mapping { $0 == 0 ? $1.properties.titlecaseMapping : Self.lowercase($1, at: $0, in: all) }
    }

    /// Every run of letters capitalised, as Python's `str.title`.
    var titlecased: TemplateText {
        let all = scalars
        var followsCased = false
        return mapping { index, scalar in
            defer { followsCased = scalar.isCasedLetter }
            return followsCased ? Self.lowercase(scalar, at: index, in: all) : scalar.properties.titlecaseMapping
        }
    }

    /// Every word capitalised, where words begin behind white space and `-({[<`, as Jinja's `title` filter.
    var wordsCapitalized: TemplateText {
        let all = scalars
        var start = 0
        return mapping { index, scalar in
            if isPythonSpace(scalar) || "-({[<".unicodeScalars.contains(scalar) {
                start = index + 1
                return String(Character(scalar))
            }
            if index == start { return scalar.properties.uppercaseMapping }
            return Self.lowercase(scalar, at: index, in: all, from: start + 1)
        }
    }

    var caseSwapped: TemplateText {
        let all = scalars
        return mapping { index, scalar in
            scalar.properties.isUppercase
                ? Self.lowercase(scalar, at: index, in: all)
                : scalar.properties.isLowercase ? scalar.properties.uppercaseMapping : String(Character(scalar))
        }
    }

    /// The text with `&<>"'` written as HTML entities, unless it is safe already.
    var escapedForHTML: TemplateText {
        guard !isSafe else { return self }
        var escaped = mapping { _, scalar in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&#34;"
            case "'": "&#39;"
            default: String(Character(scalar))
            }
        }
        escaped.isSafe = true
        return escaped
    }

    /// Whether there are characters and all of them pass.
    func allScalars(_ test: (Unicode.Scalar) -> Bool) -> Bool { !isEmpty && scalars.allSatisfy(test) }

    var isUppercase: Bool {
        let all = scalars
        return all.contains(where: \.isCasedLetter)
            && !all.contains { $0.properties.isLowercase || $0.properties.generalCategory == .titlecaseLetter }
    }

    var isLowercase: Bool {
        let all = scalars
        return all.contains(where: \.isCasedLetter)
            && !all.contains { $0.properties.isUppercase || $0.properties.generalCategory == .titlecaseLetter }
    }
}
