extension TemplateRenderer {
    private static let listMethods: Set<String> = ["index", "count", "copy"]
    private static let dictionaryMethods: Set<String> = ["keys", "values", "items", "get", "copy"]
    /// Methods that change their value; they exist in Python, so that no key of this name is seen, but are forbidden.
    private static let changingMethods: Set<String> = [
        "append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear", "update", "setdefault", "popitem",
        "fromkeys",
    ]

    /// `value.name`: an attribute or method, else the element of this name. Nothing of the runtime can be reached.
    func attribute(_ name: String, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
        if case .undefined(let missing) = value { throw failure(missing.message) }
        if let found = try member(name, of: value) { return found }
        let missing = TemplateValue.undefined(TemplateMissing(name: name, owner: value.typeName))
        if name.hasPrefix("__") { return missing }
        guard case .dictionary(let dictionary) = value, !Self.changingMethods.contains(name) else { return missing }
        return dictionary.value(named: name) ?? missing
    }

    /// A method or attribute that the type of `value` has.
    func member(_ name: String, of value: TemplateValue) throws(TemplateError) -> TemplateValue? {
        switch value {
        case .string where Self.stringMethods.contains(name), .list where Self.listMethods.contains(name),
            .dictionary where Self.dictionaryMethods.contains(name):
            return .function(.method(TemplateMethod(value, name)))
        case .list(let list) where list.kind == .group && (name == "grouper" || name == "list"):
            return list.elements[name == "list" ? 1 : 0]
        case .function(.macro(let macro)):
            switch name {
            case "name": return .plain(macro.macro.name)
            case "arguments": return try list(macro.macro.parameters.map { .plain($0.name) }, kind: .tuple)
            default: return nil
            }
        case .object(.namespace(let namespace)):
            try spend(namespace.attributes.count / 16)
            return namespace[name]
        case .object(.loop(let loop)): return member(name, of: loop)
        case .object(.cycler(let cycler)):
            switch name {
            case "next", "reset": return .function(.method(TemplateMethod(value, name)))
            case "current": return cycler.items[cycler.place]
            default: return nil
            }
        default: return nil
        }
    }

    private func member(_ name: String, of loop: TemplateLoopState) -> TemplateValue? {
        let count = loop.elements.count
        switch name {
        case "index": return .integer(loop.index + 1)
        case "index0": return .integer(loop.index)
        case "revindex": return .integer(count - loop.index)
        case "revindex0": return .integer(count - loop.index - 1)
        case "first": return .bool(loop.index == 0)
        case "last": return .bool(loop.index == count - 1)
        case "length": return .integer(count)
        case "depth": return .integer(loop.nesting + 1)
        case "depth0": return .integer(loop.nesting)
        case "previtem":
            let missing = TemplateValue.undefined(TemplateMissing(name: "there is no previous item"))
            return loop.index > 0 ? loop.elements[loop.index - 1] : missing
        case "nextitem":
            let missing = TemplateValue.undefined(TemplateMissing(name: "there is no next item"))
            return loop.index + 1 < count ? loop.elements[loop.index + 1] : missing
        case "cycle", "changed": return .function(.method(TemplateMethod(.object(.loop(loop)), name)))
        default: return nil
        }
    }

    /// `value[key]`: an element, else the attribute of this name.
    func item(_ key: TemplateValue, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch value {
        case .undefined(let missing): throw failure(missing.message)
        case .list(let list):
            if let index = key.integer, let place = place(index, in: list.elements.count) {
                return list.elements[place]
            }
        case .range(let range):
            if let index = key.integer, let place = place(index, in: range.count) { return range[place] }
        case .string(let text):
            if let index = key.integer {
                try spend(bytes: text.count)
                let offsets = text.scalarOffsets
                if let place = place(index, in: offsets.count - 1) {
                    return .string(text[offsets[place]..<offsets[place + 1]])
                }
            }
        case .dictionary(let dictionary):
            try spend(min(dictionary.keys.count, 16))
            if let key = try self.key(key), let found = dictionary.value(of: key) { return found }
        default: break
        }
        let name = try text(key).string
        if case .string = key, let found = try member(name, of: value) { return found }
        return .undefined(TemplateMissing(name: name, owner: value.typeName))
    }

    private func place(_ index: Int, in count: Int) -> Int? {
        let place = index < 0 ? count + index : index
        return place >= 0 && place < count ? place : nil
    }

    /// `value[start:stop:step]`, with Python's rules for negative and missing bounds.
    func slice(_ value: TemplateValue, _ start: Int?, _ stop: Int?, step: Int) throws(TemplateError) -> TemplateValue {
        guard step != 0 else { throw failure("a slice's step is zero") }
        switch value {
        case .undefined(let missing): throw failure(missing.message)
        case .string(let text):
            try spend(bytes: text.count, factor: 4)
            let picked = text.picking(indices(start, stop, step, count: text.scalarCount))
            return .string(picked)
        case .list(let list):
            let picked = indices(start, stop, step, count: list.elements.count).map { list.elements[$0] }
            return try self.list(picked, kind: list.kind == .list ? .list : .tuple)
        case .range(let range): return try list(indices(start, stop, step, count: range.count).map { range[$0] })
        default: return .undefined(TemplateMissing(name: "slice", owner: value.typeName))
        }
    }

    private func indices(_ start: Int?, _ stop: Int?, _ step: Int, count: Int) -> [Int] {
        let low = step > 0 ? 0 : -1
        let high = step > 0 ? count : count - 1
        func clamped(_ bound: Int) -> Int { min(max(bound < 0 ? bound + count : bound, low), high) }
        let first = start.map(clamped) ?? (step > 0 ? low : high)
        let end = stop.map(clamped) ?? (step > 0 ? high : low)
        // A step longer than the text takes one element; so bounded, no index overflows.
        let bounded = min(max(step, -count - 1), count + 1)
        return Array(stride(from: first, to: end, by: bounded))
    }

    /// The elements that a loop over `value` sees.
    func elements(of value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
        switch value {
        case .undefined: return []
        case .list(let list):
            try spend(list.elements.count)
            return list.elements
        case .dictionary(let dictionary):
            try spend(dictionary.keys.count)
            return dictionary.keys
        case .string(let text):
            try spend(text.count)
            return text.characters.map(TemplateValue.string)
        case .range(let range):
            try spend(range.count)
            return (0..<range.count).map { range[$0] }
        default: throw failure("a value of type \(value.typeName) has no elements")
        }
    }
}
