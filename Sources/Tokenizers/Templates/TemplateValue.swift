/// A value while a template runs: Python's, as far as templates see them.
enum TemplateValue {
    case undefined(TemplateMissing)
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(TemplateText)
    case list(TemplateList)
    case dictionary(TemplateDictionary)
    case range(TemplateRange)
    case function(TemplateFunction)
    case object(TemplateObject)

    /// A string out of the engine: never markup, so that nothing but the template's own text becomes control tokens.
    static func plain(_ text: String) -> TemplateValue { .string(TemplateText(text, isMarkup: false)) }

    /// Lists and mappings inside each other, this one included.
    var depth: Int {
        switch self {
        case .list(let list): list.depth
        case .dictionary(let dictionary): dictionary.depth
        case .function(.method(let method)): method.receiver.depth + 1
        case .object(.loop(let loop)): loop.valueDepth
        case .object(.cycler(let cycler)): cycler.valueDepth
        default: 0
        }
    }

    /// Python's name of the type, for error messages.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .number: "float"
        case .string: "str"
        case .list(let list): list.kind == .list ? "list" : "tuple"
        case .dictionary: "dict"
        case .range: "range"
        case .function: "function"
        case .object: "object"
        }
    }

    /// Python's truth of the value.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .number(let value): value != 0
        case .string(let text): !text.isEmpty
        case .list(let list): !list.elements.isEmpty
        case .dictionary(let dictionary): !dictionary.keys.isEmpty
        case .range(let range): range.count > 0
        case .function, .object: true
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    /// The integer, if this is one; a boolean counts as 0 or 1.
    var integer: Int? {
        switch self {
        case .integer(let value): value
        case .bool(let value): value ? 1 : 0
        default: nil
        }
    }

    /// The number, if this is one.
    var double: Double? {
        if case .number(let value) = self { value } else { integer.map(Double.init) }
    }
}

/// What is missing, for the error that its use gives.
struct TemplateMissing {
    var name: String
    /// The type of the value that has no such attribute or element.
    var owner: String?

    var message: String {
        owner.map { "'\($0)' has no attribute or element '\(name.prefix(64))'" } ?? "'\(name.prefix(64))' is undefined"
    }
}

/// A list or tuple; it never changes.
final class TemplateList {
    enum Kind {
        case list
        case tuple
        /// What `groupby` gives: a pair whose parts have names.
        case group
    }

    let elements: [TemplateValue]
    let kind: Kind
    let depth: Int

    init(_ elements: [TemplateValue], kind: Kind = .list) {
        self.elements = elements
        self.kind = kind
        depth = 1 + (elements.lazy.map(\.depth).max() ?? 0)
    }
}

/// What `range` gives.
struct TemplateRange {
    var start: Int
    var stop: Int
    var step: Int
    var count: Int

    subscript(index: Int) -> TemplateValue { .integer(start + index * step) }
}

/// Something that can be called.
enum TemplateFunction {
    /// One of the functions that every template has.
    case global(String)
    case method(TemplateMethod)
    case macro(TemplateMacroValue)
}

/// A method and the value it belongs to.
final class TemplateMethod {
    let receiver: TemplateValue
    let name: String

    init(_ receiver: TemplateValue, _ name: String) {
        self.receiver = receiver
        self.name = name
    }
}

/// A macro and the variables around it.
final class TemplateMacroValue {
    let macro: TemplateMacro
    let scope: TemplateScope

    init(_ macro: TemplateMacro, _ scope: TemplateScope) {
        self.macro = macro
        self.scope = scope
    }
}

/// A value that changes.
enum TemplateObject {
    case namespace(TemplateNamespace)
    case loop(TemplateLoopState)
    case cycler(TemplateCycler)
    case joiner(TemplateJoiner)
}

/// What `namespace()` gives.
final class TemplateNamespace {
    var attributes: [(name: String, value: TemplateValue)] = []

    subscript(name: String) -> TemplateValue? {
        get { attributes.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }
        set {
            guard let newValue else { return }
            if let place = attributes.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
                attributes[place].value = newValue
            } else {
                attributes.append((name, newValue))
            }
        }
    }
}

/// The `loop` variable.
final class TemplateLoopState {
    let elements: [TemplateValue]
    let nesting: Int
    let loop: TemplateLoop
    let scope: TemplateScope
    let valueDepth: Int
    var index = 0
    /// What `changed` was last called with.
    var lastSeen: [TemplateValue]?

    init(_ loop: TemplateLoop, _ elements: [TemplateValue], nesting: Int, scope: TemplateScope) {
        self.loop = loop
        self.elements = elements
        self.nesting = nesting
        self.scope = scope
        valueDepth = 1 + (elements.lazy.map(\.depth).max() ?? 0)
    }
}

/// What `cycler()` gives.
final class TemplateCycler {
    let items: [TemplateValue]
    let valueDepth: Int
    var place = 0

    init(_ items: [TemplateValue]) {
        self.items = items
        valueDepth = 1 + (items.lazy.map(\.depth).max() ?? 0)
    }
}

/// What `joiner()` gives.
final class TemplateJoiner {
    let separator: TemplateText
    var wasUsed = false

    init(_ separator: TemplateText) { self.separator = separator }
}

/// The variables of a block, by the numbers of their names.
final class TemplateScope {
    private var entries: [(name: Int, value: TemplateValue)] = []
    /// Places by name, kept only where a linear search would be slow.
    private var places: [Int: Int] = [:]
    private let parent: TemplateScope?

    private static let linearEntries = 16

    init(parent: TemplateScope?) { self.parent = parent }

    private func place(of name: Int) -> Int? {
        entries.count > Self.linearEntries ? places[name] : entries.firstIndex { $0.name == name }
    }

    subscript(name: Int) -> TemplateValue? {
        var scope: TemplateScope? = self
        while let current = scope {
            if let place = current.place(of: name) { return current.entries[place].value }
            scope = current.parent
        }
        return nil
    }

    func set(_ name: Int, _ value: TemplateValue) {
        if let place = place(of: name) {
            entries[place].value = value
            return
        }
        entries.append((name, value))
        if entries.count == Self.linearEntries + 1 {
            for (place, entry) in entries.enumerated() { places[entry.name] = place }
        } else if entries.count > Self.linearEntries {
            places[name] = entries.count - 1
        }
    }

    func removeAll() {
        entries = []
        places = [:]
    }
}
