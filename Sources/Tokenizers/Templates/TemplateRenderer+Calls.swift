extension TemplateRenderer {
    /// The longest `range`, as in Jinja's sandbox.
    private static let maximumRange = 100_000

    func call(_ callee: TemplateValue, _ arguments: TemplateCallArguments) throws(TemplateError) -> TemplateValue {
        try spend(1 + arguments.positional.count + arguments.named.count)
        switch callee {
        case .undefined(let missing): throw failure(missing.message)
        case .function(.global(let name)): return try global(name, arguments)
        case .function(.macro(let macro)): return .string(try call(macro, arguments))
        case .function(.method(let method)): return try call(method, arguments)
        case .object(.loop(let loop)): return .string(try call(loop, arguments))
        case .object(.joiner(let joiner)):
            defer { joiner.wasUsed = true }
            return .string(joiner.wasUsed ? joiner.separator : TemplateText())
        default: throw failure("a value of type \(callee.typeName) cannot be called")
        }
    }

    /// Runs a recursive loop's body over the elements of its argument.
    @inline(never)
    private func call(
        _ state: TemplateLoopState, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateText {
        guard state.loop.isRecursive else { throw failure("the loop is not 'recursive'") }
        guard let sequence = try bind(arguments, "iterable")[0] else { throw failure("'loop' needs an argument") }
        return try called { () throws(TemplateError) in
            try run(state.loop, over: sequence, nesting: state.nesting + 1, state.scope)
        }
    }

    // MARK: macros

    @inline(never)
    private func call(
        _ value: TemplateMacroValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateText {
        let macro = value.macro
        let scope = TemplateScope(parent: value.scope)
        let callLine = line
        let written = try called { () throws(TemplateError) in
            try bind(arguments, to: macro, scope)
            _ = try run(macro.body, scope)
        }
        line = callLine
        return written
    }

    @inline(never)
    private func bind(
        _ arguments: TemplateCallArguments, to macro: TemplateMacro, _ scope: TemplateScope
    ) throws(TemplateError) {
        let count = macro.parameters.count
        let more = Array(arguments.positional.dropFirst(count))
        guard more.isEmpty || macro.takesMore else {
            throw failure("macro '\(macro.name)' takes \(count) arguments at most")
        }
        if macro.takesMore { scope.set(TemplateName.varargs, try list(more, kind: .tuple)) }
        if macro.takesCaller { scope.set(TemplateName.caller, .undefined(TemplateMissing(name: "caller"))) }
        var values: [TemplateValue?] = Array(arguments.positional.prefix(count))
        values += [TemplateValue?](repeating: nil, count: count - values.count)
        var moreNamed = TemplateDictionaryBuilder()
        try spend(arguments.named.count * (1 + count / 16))
        for (name, value) in arguments.named {
            if let place = macro.parameters.firstIndex(where: { $0.name == name }) {
                guard case nil = values[place] else { throw failure("macro '\(macro.name)' got '\(name)' twice") }
                values[place] = value
            } else if name == "caller", macro.takesCaller {
                scope.set(TemplateName.caller, value)
            } else {
                guard macro.takesMoreNamed else {
                    throw failure("macro '\(macro.name)' has no parameter '\(name.prefix(64))'")
                }
                try set(.plain(name), value, in: &moreNamed)
            }
        }
        if macro.takesMoreNamed { scope.set(TemplateName.kwargs, try dictionary(moreNamed)) }
        for (parameter, value) in zip(macro.parameters, values) {
            if let value {
                scope.set(parameter.id, value)
            } else if let standard = parameter.value {
                scope.set(parameter.id, try self.value(standard, scope))
            } else {
                scope.set(parameter.id, .undefined(TemplateMissing(name: parameter.name)))
            }
        }
    }

    // MARK: functions

    @inline(never)
    private func global(_ name: String, _ arguments: TemplateCallArguments) throws(TemplateError) -> TemplateValue {
        switch name {
        case "range": return try range(arguments)
        case "dict", "namespace":
            var builder = TemplateDictionaryBuilder()
            if let first = try bind(TemplateCallArguments(positional: arguments.positional), "mapping")[0] {
                try add(first, to: &builder)
            }
            for (name, value) in arguments.named { try set(.plain(name), value, in: &builder) }
            guard name == "namespace" else { return try dictionary(builder) }
            let namespace = namespace()
            for item in zip(builder.dictionary.keys, builder.dictionary.values) {
                try set(try text(item.0).string, of: namespace, to: item.1)
            }
            return .object(.namespace(namespace))
        case "cycler":
            guard !arguments.positional.isEmpty else { throw failure("'cycler' needs an argument") }
            guard case .list(let items) = try list(arguments.positional) else { return .none }
            return .object(.cycler(TemplateCycler(items.elements)))
        case "joiner":
            let separator = try bind(arguments, "sep")[0]
            return .object(.joiner(TemplateJoiner(try separator.map(text) ?? TemplateText(", ", isMarkup: true))))
        case "raise_exception":
            throw .raised(try bind(arguments, "message")[0].map(text)?.string ?? "")
        case "strftime_now":
            let format = try string(try bind(arguments, "format")[0])
            return .plain(try Strftime(secondsSince1970: now).formatted(format.string, failure))
        default: throw failure("'\(name)' is not known")
        }
    }

    private func range(_ arguments: TemplateCallArguments) throws(TemplateError) -> TemplateValue {
        let values = try bind(arguments, "start", "stop", "step")
        var start = try integer(values[0], else: 0)
        let stop: Int
        if let second = values[1] {
            stop = try integer(second, else: 0)
        } else {
            stop = start
            start = 0
        }
        let step = try integer(values[2], else: 1)
        guard step != 0, values[0].map({ _ in true }) != nil else {
            throw failure("'range' needs a stop and no step of zero")
        }
        let (distance, overflows) = stop.subtractingReportingOverflow(start)
        let steps = distance.dividedReportingOverflow(by: step)
        guard !overflows, !steps.overflow else { throw failure("the range is longer than \(Self.maximumRange)") }
        let isExact = distance % step == 0
        let isEmpty = distance == 0 || (distance < 0) != (step < 0)
        let count = isEmpty ? 0 : steps.partialValue + (isExact ? 0 : 1)
        guard count <= Self.maximumRange else { throw failure("the range is longer than \(Self.maximumRange)") }
        return .range(TemplateRange(start: start, stop: stop, step: step, count: count))
    }

    /// Adds a mapping's entries, or pairs of a list.
    private func add(_ source: TemplateValue, to builder: inout TemplateDictionaryBuilder) throws(TemplateError) {
        if case .dictionary(let dictionary) = source {
            try spend(dictionary.keys.count)
            for (key, value) in zip(dictionary.keys, dictionary.values) { try set(key, value, in: &builder) }
            return
        }
        for element in try elements(of: source) {
            let pair = try elements(of: element)
            guard pair.count == 2 else { throw failure("a mapping needs pairs of key and value") }
            try set(pair[0], pair[1], in: &builder)
        }
    }

    // MARK: methods

    @inline(never)
    private func call(_ method: TemplateMethod, _ arguments: TemplateCallArguments) throws(TemplateError)
        -> TemplateValue
    {
        switch method.receiver {
        case .string(let text): return try call(method.name, of: text, arguments)
        case .list(let list): return try call(method.name, of: list, method.receiver, arguments)
        case .dictionary(let dictionary): return try call(method.name, of: dictionary, method.receiver, arguments)
        case .object(.loop(let loop)):
            if method.name == "changed" {
                let values = arguments.positional
                guard let last = loop.lastSeen, last.count == values.count,
                    try areEqual(try list(last), try list(values))
                else {
                    loop.lastSeen = values
                    return .bool(true)
                }
                return .bool(false)
            }
            guard !arguments.positional.isEmpty else { throw failure("'cycle' needs an argument") }
            return arguments.positional[loop.index % arguments.positional.count]
        case .object(.cycler(let cycler)):
            defer { cycler.place = method.name == "reset" ? 0 : (cycler.place + 1) % cycler.items.count }
            return method.name == "reset" ? .none : cycler.items[cycler.place]
        default: throw failure("there is no method '\(method.name)'")
        }
    }

    private func call(
        _ name: String, of list: TemplateList, _ receiver: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        if name == "copy" { return receiver }
        guard let wanted = try bind(arguments, "value")[0] else { throw failure("'\(name)' needs an argument") }
        var count = 0
        for (place, element) in list.elements.enumerated() where try areEqual(element, wanted) {
            if name == "index" { return .integer(place) }
            count += 1
        }
        guard name == "count" else { throw failure("the value is not in the list") }
        return .integer(count)
    }

    private func call(
        _ name: String, of dictionary: TemplateDictionary, _ receiver: TemplateValue, _ arguments: TemplateCallArguments
    ) throws(TemplateError) -> TemplateValue {
        switch name {
        case "get":
            let values = try bind(arguments, "key", "default")
            guard let wanted = values[0], let key = try key(wanted) else { throw failure("'get' needs a key") }
            try spend(min(dictionary.keys.count, 16))
            return dictionary.value(of: key) ?? values[1] ?? .none
        case "keys": return try list(dictionary.keys)
        case "values": return try list(dictionary.values)
        case "items":
            try spend(dictionary.keys.count)
            return try list(dictionary.items)
        default: return receiver
        }
    }
}
