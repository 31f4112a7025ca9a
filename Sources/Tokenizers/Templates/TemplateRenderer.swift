import OrderedJSON

/// Runs one template once: a tree walk that counts what it uses.
final class TemplateRenderer {
    let limits: TemplateLimits
    let names: [String]
    /// Seconds since 1970 that `strftime_now` shows.
    let now: Double
    /// Values of the context by the numbers of their names.
    private var context: [TemplateValue?] = []
    private var steps = 0
    private var work = 0
    private var nesting = 0
    private var callDepth = 0
    /// The line of the statement that runs.
    var line = 1
    var output = TemplateText()
    /// What may hold itself and is emptied at the end.
    private var namespaces: [TemplateNamespace] = []
    private var capturedScopes: [TemplateScope] = []

    static let globals: Set<String> = [
        "range", "dict", "namespace", "cycler", "joiner", "raise_exception", "strftime_now",
    ]

    init(names: [String], limits: TemplateLimits, now: Double) {
        self.names = names
        self.limits = limits
        self.now = now
    }

    /// Renders `body`; `specialTokens` count as written by the template, everything in `values` as the user's.
    func render(
        _ body: [TemplateStatement], _ values: JSONObject, specialTokens: [String: String]
    ) throws(TemplateError) -> TemplateText {
        context = []
        for name in names {
            if let token = specialTokens[name] {
                context.append(.string(TemplateText(token, isMarkup: true)))
            } else if let value = values[name] {
                context.append(try self.value(of: value, depth: 1))
            } else {
                context.append(Self.globals.contains(name) ? .function(.global(name)) : nil)
            }
        }
        let scope = TemplateScope(parent: nil)
        capturedScopes.append(scope)
        defer {
            for namespace in namespaces { namespace.attributes = [] }
            for scope in capturedScopes { scope.removeAll() }
        }
        _ = try run(body, scope)
        return output
    }

    private func value(of json: JSONValue, depth: Int) throws(TemplateError) -> TemplateValue {
        guard depth <= limits.valueDepth else { throw tooDeep }
        switch json {
        case .null: return .none
        case .bool(let value): return .bool(value)
        case .integer(let value): return .integer(value)
        case .number(let value): return .number(value)
        case .string(let text): return .plain(text)
        case .array(let array):
            var elements: [TemplateValue] = []
            elements.reserveCapacity(array.count)
            for element in array { elements.append(try value(of: element, depth: depth + 1)) }
            return .list(TemplateList(elements))
        case .object(let object):
            var keys: [TemplateValue] = []
            var values: [TemplateValue] = []
            for entry in object.entries {
                keys.append(.plain(entry.key))
                values.append(try value(of: entry.value, depth: depth + 1))
            }
            return .dictionary(TemplateDictionary(keys: keys, values: values))
        }
    }

    // MARK: limits

    func failure(_ reason: String) -> TemplateError { .failed(line: line, reason: reason) }
    func exhausted(_ reason: String) -> TemplateError { .limit(line: line, reason: reason) }
    var tooLong: TemplateError { exhausted("a string is longer than \(limits.stringBytes) bytes") }
    private var tooDeep: TemplateError { exhausted("values are nested more than \(limits.valueDepth) levels deep") }

    /// Counts `count` steps.
    func spend(_ count: Int = 1) throws(TemplateError) {
        let (sum, overflow) = steps.addingReportingOverflow(count)
        guard !overflow, sum <= limits.steps else { throw exhausted("it takes more than \(limits.steps) steps") }
        steps = sum
    }

    /// Counts bytes that a string operation reads or writes, `factor` times where it is slow.
    func spend(bytes: Int, factor: Int = 1) throws(TemplateError) {
        let (product, overflowed) = bytes.multipliedReportingOverflow(by: factor)
        let (sum, overflow) = work.addingReportingOverflow(product)
        guard !overflow, !overflowed, sum <= limits.workBytes else {
            throw exhausted("its strings are too long for so many operations")
        }
        work = sum
    }

    /// Checks the length of a string that grows.
    func check(bytes: Int) throws(TemplateError) {
        guard bytes <= limits.stringBytes else { throw tooLong }
    }

    /// Checks and counts the length of a string before it is built.
    func reserve(bytes: Int) throws(TemplateError) {
        try check(bytes: bytes)
        try spend(bytes: bytes)
    }

    /// Goes one level deeper; what recurs calls this first and ``leave()`` in the end.
    func enter() throws(TemplateError) {
        try spend()
        nesting += 1
        guard nesting <= limits.nesting else { throw exhausted("more than \(limits.nesting) levels of nesting") }
    }

    func leave() { nesting -= 1 }

    /// Runs a macro's or a recursive loop's body and gives what it writes.
    func called(_ body: () throws(TemplateError) -> Void) throws(TemplateError) -> TemplateText {
        callDepth += 1
        defer { callDepth -= 1 }
        guard callDepth <= limits.callDepth else {
            throw exhausted("more than \(limits.callDepth) calls inside each other")
        }
        return try captured(body)
    }

    /// What `body` writes, as a string.
    func captured(_ body: () throws(TemplateError) -> Void) throws(TemplateError) -> TemplateText {
        let outer = output
        output = TemplateText()
        defer { output = outer }
        try body()
        return output
    }

    /// Writes to the output.
    func write(_ text: TemplateText) throws(TemplateError) {
        guard output.count + text.count <= limits.outputBytes else {
            throw exhausted("it writes more than \(limits.outputBytes) bytes")
        }
        try spend(bytes: text.count)
        output.append(text)
    }

    // MARK: values

    /// The key that `value` is, nil if it cannot be one; counts the bytes that are hashed.
    func key(_ value: TemplateValue) throws(TemplateError) -> TemplateKey? {
        if case .string(let text) = value { try spend(bytes: text.count, factor: 4) }
        return TemplateKey(value)
    }

    /// Sets an entry of a mapping.
    func set(
        _ key: TemplateValue, _ value: TemplateValue, in builder: inout TemplateDictionaryBuilder
    ) throws(TemplateError) {
        guard let place = try self.key(key) else { throw failure("a value of type \(key.typeName) cannot be a key") }
        builder.set(place, key, value)
    }

    func list(_ elements: [TemplateValue], kind: TemplateList.Kind = .list) throws(TemplateError) -> TemplateValue {
        try spend(elements.count)
        let list = TemplateList(elements, kind: kind)
        guard list.depth <= limits.valueDepth else { throw tooDeep }
        return .list(list)
    }

    func dictionary(_ builder: TemplateDictionaryBuilder) throws(TemplateError) -> TemplateValue {
        let dictionary = builder.dictionary
        try spend(dictionary.keys.count)
        guard dictionary.depth <= limits.valueDepth else { throw tooDeep }
        return .dictionary(dictionary)
    }

    func namespace() -> TemplateNamespace {
        let namespace = TemplateNamespace()
        namespaces.append(namespace)
        return namespace
    }

    /// A macro that sees the variables of `scope`.
    func closure(_ macro: TemplateMacro, _ scope: TemplateScope) -> TemplateValue {
        capturedScopes.append(scope)
        return .function(.macro(TemplateMacroValue(macro, scope)))
    }

    func variable(_ name: Int, _ scope: TemplateScope) -> TemplateValue {
        scope[name] ?? context[name] ?? .undefined(TemplateMissing(name: names[name]))
    }
}
