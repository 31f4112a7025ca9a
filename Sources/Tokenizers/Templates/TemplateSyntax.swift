/// A value written in the template.
enum TemplateLiteral: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(TemplateText)
}

/// An expression. Chains of operators and of postfixes are flat, so that only brackets make the tree deep.
indirect enum TemplateExpression: Sendable {
    case literal(TemplateLiteral)
    /// A variable, by its number in the template's list of names.
    case name(Int)
    case list([TemplateExpression])
    case tuple([TemplateExpression])
    case dictionary([(key: TemplateExpression, value: TemplateExpression)])
    /// Operators of one level, from the left.
    case chain(TemplateExpression, [(operation: TemplateOperator, operand: TemplateExpression)])
    case concatenation([TemplateExpression])
    case comparison(TemplateExpression, [(comparison: TemplateComparison, operand: TemplateExpression)])
    case and([TemplateExpression])
    case or([TemplateExpression])
    case not(TemplateExpression)
    case negative(TemplateExpression)
    case positive(TemplateExpression)
    case conditional(test: TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
    case postfix(TemplateExpression, [TemplatePostfix])
}

enum TemplateOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case divideWhole = "//"
    case remainder = "%"
    case power = "**"
}

enum TemplateComparison: String, Sendable {
    case equal = "=="
    case unequal = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case contained = "in"
    case notContained = "not in"
}

/// What stands behind an expression: attributes, items, calls, filters and tests.
enum TemplatePostfix: Sendable {
    case attribute(String)
    case item(TemplateExpression)
    case slice(TemplateExpression?, TemplateExpression?, TemplateExpression?)
    case call(TemplateArguments)
    case filter(String, TemplateArguments)
    case test(String, TemplateArguments, isNegated: Bool)
}

/// The arguments of a call as written.
struct TemplateArguments: Sendable {
    var positional: [TemplateExpression] = []
    var named: [(name: String, value: TemplateExpression)] = []
    /// `*list` and `**mapping`.
    var spread: TemplateExpression?
    var spreadNamed: TemplateExpression?

    static let none = TemplateArguments()
}

/// What `set`, `for` and `with` assign to.
indirect enum TemplateTarget: Sendable {
    case name(Int)
    case tuple([TemplateTarget])
    case attribute(Int, String)
}

/// A statement and the line it begins in.
struct TemplateStatement: Sendable {
    var line: Int
    var kind: Kind

    indirect enum Kind: Sendable {
        case text(TemplateText)
        case print(TemplateExpression)
        case conditional([(test: TemplateExpression, body: [TemplateStatement])], otherwise: [TemplateStatement])
        case loop(TemplateLoop)
        case set(TemplateTarget, TemplateExpression)
        case setBlock(TemplateTarget, [TemplatePostfix], [TemplateStatement])
        /// Binds a macro to its name.
        case macro(Int, TemplateMacro)
        /// Calls a macro with the body as its `caller`.
        case call(TemplateExpression, caller: TemplateMacro)
        case filterBlock([TemplatePostfix], [TemplateStatement])
        case with([(target: TemplateTarget, value: TemplateExpression)], [TemplateStatement])
        case scope([TemplateStatement])
        case breakLoop
        case continueLoop
    }
}

/// A `for` statement.
final class TemplateLoop: Sendable {
    let target: TemplateTarget
    let sequence: TemplateExpression
    let filter: TemplateExpression?
    let isRecursive: Bool
    let body: [TemplateStatement]
    let otherwise: [TemplateStatement]

    init(
        target: TemplateTarget, sequence: TemplateExpression, filter: TemplateExpression?, isRecursive: Bool,
        body: [TemplateStatement], otherwise: [TemplateStatement]
    ) {
        self.target = target
        self.sequence = sequence
        self.filter = filter
        self.isRecursive = isRecursive
        self.body = body
        self.otherwise = otherwise
    }
}

/// A `macro` statement, or the body of a `call`.
final class TemplateMacro: Sendable {
    let name: String
    /// Parameters with their defaults.
    let parameters: [(name: String, id: Int, value: TemplateExpression?)]
    let body: [TemplateStatement]
    /// Whether the body speaks of `varargs`, `kwargs` or `caller`; otherwise such arguments are refused.
    let takesMore: Bool
    let takesMoreNamed: Bool
    let takesCaller: Bool

    init(
        name: String, parameters: [(name: String, id: Int, value: TemplateExpression?)], body: [TemplateStatement],
        takesMore: Bool, takesMoreNamed: Bool, takesCaller: Bool
    ) {
        self.name = name
        self.parameters = parameters
        self.body = body
        self.takesMore = takesMore
        self.takesMoreNamed = takesMoreNamed
        self.takesCaller = takesCaller
    }
}

/// Numbers of the names that the language itself binds.
enum TemplateName {
    static let loop = 0
    static let caller = 1
    static let varargs = 2
    static let kwargs = 3
    static let reserved = ["loop", "caller", "varargs", "kwargs"]
}
