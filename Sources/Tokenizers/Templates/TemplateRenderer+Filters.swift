extension TemplateRenderer {
    /// The names that `is filter` knows.
    static let filters: Set<String> = [
        "trim", "upper", "lower", "title", "capitalize", "replace", "indent", "string", "safe", "escape", "e",
        "forceescape", "striptags", "center", "truncate", "wordcount", "urlencode", "format", "tojson", "pprint", "int",
        "float", "abs", "round", "filesizeformat", "length", "count", "first", "last", "list", "reverse", "join",
        "sort",
        "unique", "batch", "slice", "sum", "min", "max", "items", "dictsort", "groupby", "default", "d", "attr", "map",
        "select", "reject", "selectattr", "rejectattr",
    ]

    /// `value|name(arguments)`.
    func filter(
        _ name: String, _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        // `map` applies filters to elements, which may be `map` again.
        try enter()
        defer { leave() }
        if let result = try selection(name, value, arguments) { return result }
        if let result = try textFilter(name, value, arguments) { return result }
        if let result = try sequenceFilter(name, value, arguments) { return result }
        if let result = try orderFilter(name, value, arguments) { return result }
        if let result = try numberFilter(name, value, arguments) { return result }
        throw failure("there is no filter '\(name.prefix(64))'")
    }

    /// Filters that apply filters or tests to elements.
    @inline(never)
    private func selection(
        _ name: String, _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue? {
        switch name {
        case "map": return try mapped(value, arguments)
        case "select", "reject", "selectattr", "rejectattr":
            var rest = arguments
            var attribute: TemplateValue?
            if name.hasSuffix("attr") {
                guard !rest.positional.isEmpty else { throw failure("'\(name)' needs an attribute") }
                attribute = rest.positional.removeFirst()
            }
            let testName = rest.positional.isEmpty ? nil : try string(rest.positional.removeFirst()).string
            var kept: [TemplateValue] = []
            for element in try elements(of: value) {
                let tested = try attribute.map { attribute throws(TemplateError) in try picked(attribute, of: element) }
                let subject = tested ?? element
                let holds = try testName.map { name throws(TemplateError) in try test(name, subject, rest) }
                if (holds ?? subject.isTrue) != name.hasPrefix("reject") { kept.append(element) }
            }
            return try list(kept)
        case "default", "d":
            let values = try bind(arguments, "default_value", "boolean")
            let isMissing = value.isUndefined || (values[1]?.isTrue == true && !value.isTrue)
            return isMissing ? values[0] ?? .string(TemplateText()) : value
        case "attr":
            let name = try string(try bind(arguments, "name")[0]).string
            if case .undefined(let missing) = value { throw failure(missing.message) }
            return try member(name, of: value) ?? .undefined(TemplateMissing(name: name, owner: value.typeName))
        default: return nil
        }
    }

    @inline(never)
    private func mapped(
        _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        var results: [TemplateValue] = []
        if arguments.positional.isEmpty {
            let values = try bind(arguments, "attribute", "default")
            guard let attribute = values[0] else { throw failure("'map' needs a filter or an attribute") }
            for element in try elements(of: value) {
                results.append(try picked(attribute, of: element, else: values[1]))
            }
        } else {
            var rest = arguments
            let name = try string(rest.positional.removeFirst()).string
            for element in try elements(of: value) { results.append(try filter(name, element, rest)) }
        }
        return try list(results)
    }

    /// `value is name(arguments)`.
    func test(
        _ name: String, _ value: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> Bool {
        let other = arguments.positional.first ?? arguments.named.first?.value
        if let comparison = Self.comparisons[name] {
            guard let other else { throw failure("the test '\(name)' needs an argument") }
            return try holds(comparison, value, other)
        }
        switch name {
        case "odd", "even", "divisibleby":
            let divisor = name == "divisibleby" ? other ?? .integer(0) : .integer(2)
            let remainder = try apply(.remainder, value, divisor)
            return try areEqual(remainder, .integer(name == "odd" ? 1 : 0))
        case "upper", "lower":
            let text = try text(value)
            try spend(bytes: text.count, factor: 16)
            return name == "upper" ? text.isUppercase : text.isLowercase
        case "sameas":
            guard let other else { throw failure("the test 'sameas' needs an argument") }
            return value.typeName == other.typeName ? try areEqual(value, other) : false
        case "filter", "test":
            let wanted = try string(value).string
            return name == "filter" ? Self.filters.contains(wanted) : Self.tests.contains(wanted)
        default:
            guard let holds = Self.kindTest(name, value) else { throw failure("there is no test '\(name.prefix(64))'") }
            return holds
        }
    }

    private static let comparisons: [String: TemplateComparison] = [
        "eq": .equal, "equalto": .equal, "==": .equal, "ne": .unequal, "!=": .unequal, "lt": .less, "lessthan": .less,
        "<": .less, "le": .lessOrEqual, "<=": .lessOrEqual, "gt": .greater, "greaterthan": .greater, ">": .greater,
        "ge": .greaterOrEqual, ">=": .greaterOrEqual, "in": .contained,
    ]

    private static let kinds: Set<String> = [
        "defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string", "mapping",
        "sequence", "iterable", "callable", "escaped",
    ]

    private static let tests = kinds.union(comparisons.keys).union([
        "odd", "even", "divisibleby", "upper", "lower", "sameas", "filter", "test",
    ])

    /// Tests of what kind a value is, nil if there is no such test.
    private static func kindTest(_ name: String, _ value: TemplateValue) -> Bool? {
        guard kinds.contains(name) else { return nil }
        switch (name, value) {
        case ("defined", .undefined): return false
        case ("defined", _), ("undefined", .undefined), ("none", .none), ("boolean", .bool), ("integer", .integer),
            ("float", .number), ("number", .bool), ("number", .integer), ("number", .number), ("string", .string),
            ("mapping", .dictionary), ("callable", .function), ("callable", .object(.joiner)),
            ("callable", .object(.loop)):
            return true
        case ("true", .bool(let value)): return value
        case ("false", .bool(let value)): return !value
        case ("escaped", .string(let text)): return text.isSafe
        case ("sequence", .undefined), ("sequence", .string), ("sequence", .list), ("sequence", .dictionary),
            ("sequence", .range), ("iterable", .undefined), ("iterable", .string), ("iterable", .list),
            ("iterable", .dictionary), ("iterable", .range):
            return true
        default: return false
        }
    }
}
