/// The values that a function, filter or test is called with.
struct TemplateCallArguments {
    var positional: [TemplateValue] = []
    var named: [(name: String, value: TemplateValue)] = []

    /// The values in the order of `parameters`, nil for those not given.
    /// - Returns: nil if there are too many, an unknown name, or a parameter twice.
    func bound(_ parameters: [String]) -> [TemplateValue?]? {
        guard positional.count <= parameters.count else { return nil }
        var values: [TemplateValue?] = positional
        values += [TemplateValue?](repeating: nil, count: parameters.count - positional.count)
        for (name, value) in named {
            guard let place = parameters.firstIndex(of: name), case nil = values[place] else { return nil }
            values[place] = value
        }
        return values
    }
}

extension TemplateRenderer {
    /// The arguments by the places of `parameters`.
    func bind(_ arguments: TemplateCallArguments, _ parameters: String...) throws(TemplateError) -> [TemplateValue?] {
        guard let values = arguments.bound(parameters) else {
            throw failure("the arguments should be (\(parameters.joined(separator: ", ")))")
        }
        return values
    }

    /// An integer argument, `standard` if it is not given.
    func integer(_ value: TemplateValue?, else standard: Int) throws(TemplateError) -> Int {
        guard let value else { return standard }
        guard let integer = value.integer else { throw failure("an integer is needed, not \(value.typeName)") }
        return integer
    }

    /// A string argument.
    func string(_ value: TemplateValue?) throws(TemplateError) -> TemplateText {
        guard case .string(let text)? = value else {
            throw failure("a string is needed, not \(value?.typeName ?? "nothing")")
        }
        return text
    }

    /// An argument where `none` means that it is not given.
    func given(_ value: TemplateValue?) -> TemplateValue? {
        if case .none? = value { return nil }
        return value
    }
}
