/// Parses statements by recursive descent; the nesting limit bounds its recursion and the evaluator's.
struct TemplateParser {
    private let tokens: [PlacedToken]
    private var place = 0
    /// The names of variables; an expression holds a name's place here.
    private(set) var names = TemplateName.reserved
    private var numbers: [String: Int] = [:]
    private var nesting = 0
    private var loops = 0
    /// Reserved names spoken of so far in each open macro.
    private var openMacros: [Set<Int>] = []

    /// Statements and brackets inside each other.
    static let maximumNesting = 60

    init(_ source: String) throws(TemplateError) {
        tokens = try TemplateLexer.tokens(of: source)
        for (number, name) in names.enumerated() { numbers[name] = number }
    }

    mutating func parse() throws(TemplateError) -> [TemplateStatement] {
        let body = try parseBody(until: [])
        guard current == .end else { throw fault("\(current.label) stands where a statement should") }
        return body
    }

    // MARK: tokens

    var current: TemplateToken { tokens[min(place, tokens.count - 1)].token }
    var line: Int { tokens[min(place, tokens.count - 1)].line }
    var following: TemplateToken { tokens[min(place + 1, tokens.count - 1)].token }

    func fault(_ reason: String) -> TemplateError { .syntax(line: line, reason: reason) }

    mutating func advance() { place += 1 }

    /// Takes the token if it stands here.
    mutating func take(_ token: TemplateToken) -> Bool {
        guard current == token else { return false }
        advance()
        return true
    }

    mutating func take(symbol: String) -> Bool { take(.symbol(symbol)) }
    mutating func take(word: String) -> Bool { take(.name(word)) }

    mutating func expect(_ token: TemplateToken) throws(TemplateError) {
        guard take(token) else { throw fault("\(token.label) should stand where \(current.label) does") }
    }

    mutating func expectName() throws(TemplateError) -> String {
        guard case .name(let name) = current else { throw fault("a name should stand where \(current.label) does") }
        advance()
        return name
    }

    mutating func number(of name: String) -> Int {
        if let number = numbers[name] {
            if number < TemplateName.reserved.count {
                for index in openMacros.indices { openMacros[index].insert(number) }
            }
            return number
        }
        names.append(name)
        numbers[name] = names.count - 1
        return names.count - 1
    }

    /// Runs `body` one level deeper.
    mutating func nested<Result>(
        _ body: (inout TemplateParser) throws(TemplateError) -> Result
    ) throws(TemplateError) -> Result {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= Self.maximumNesting else { throw fault("more than \(Self.maximumNesting) levels of nesting") }
        return try body(&self)
    }

    // MARK: statements

    /// Parses up to a block that begins with one of `ends`, whose name is left to be taken.
    private mutating func parseBody(until ends: [String]) throws(TemplateError) -> [TemplateStatement] {
        var body: [TemplateStatement] = []
        while true {
            let line = line
            switch current {
            case .end:
                guard ends.isEmpty else {
                    throw fault("the template ends before '\(ends.joined(separator: "' or '"))'")
                }
                return body
            case .data(let bytes):
                advance()
                body.append(TemplateStatement(line: line, kind: .text(TemplateText(bytes, isMarkup: true))))
            case .variableBegin:
                advance()
                let value = try parseTuple()
                try expect(.variableEnd)
                body.append(TemplateStatement(line: line, kind: .print(value)))
            case .blockBegin:
                if case .name(let name) = following, ends.contains(name) {
                    advance()
                    return body
                }
                advance()
                let kind = try nested { parser throws(TemplateError) in try parser.parseBlock() }
                body.append(TemplateStatement(line: line, kind: kind))
            default: throw fault("\(current.label) stands where a statement should")
            }
        }
    }

    /// Parses a body and the block that ends it.
    private mutating func parseBody(endedBy end: String) throws(TemplateError) -> [TemplateStatement] {
        try expect(.blockEnd)
        let body = try parseBody(until: [end])
        try expect(.name(end))
        try expect(.blockEnd)
        return body
    }

    private mutating func parseBlock() throws(TemplateError) -> TemplateStatement.Kind {
        let name = try expectName()
        switch name {
        case "if": return try parseConditional()
        case "for": return try parseLoop()
        case "set": return try parseSet()
        case "macro":
            let name = try expectName()
            let id = number(of: name)
            return .macro(id, try parseMacro(name: name, end: "endmacro"))
        case "call": return try parseCall()
        case "filter":
            let filters = try parseFilterNames()
            return .filterBlock(filters, try parseBody(endedBy: "endfilter"))
        case "with": return try parseWith()
        case "generation": return .scope(try parseBody(endedBy: "endgeneration"))
        case "break", "continue":
            guard loops > 0 else { throw fault("'\(name)' outside of a loop") }
            try expect(.blockEnd)
            return name == "break" ? .breakLoop : .continueLoop
        default: throw fault("unknown tag '\(name.prefix(64))'")
        }
    }

    private mutating func parseConditional() throws(TemplateError) -> TemplateStatement.Kind {
        var branches: [(test: TemplateExpression, body: [TemplateStatement])] = []
        var otherwise: [TemplateStatement] = []
        while true {
            let test = try parseTuple(allowsCondition: false)
            try expect(.blockEnd)
            branches.append((test, try parseBody(until: ["elif", "else", "endif"])))
            switch try expectName() {
            case "elif": continue
            case "else": otherwise = try parseBody(endedBy: "endif")
            default: try expect(.blockEnd)
            }
            return .conditional(branches, otherwise: otherwise)
        }
    }

    private mutating func parseLoop() throws(TemplateError) -> TemplateStatement.Kind {
        let target = try parseTargets(allowsAttribute: false)
        try expect(.name("in"))
        let sequence = try parseTuple(allowsCondition: false)
        let filter = take(word: "if") ? try parseExpression() : nil
        let isRecursive = take(word: "recursive")
        try expect(.blockEnd)
        loops += 1
        let body = try parseBody(until: ["else", "endfor"])
        loops -= 1
        var otherwise: [TemplateStatement] = []
        if try expectName() == "else" {
            otherwise = try parseBody(endedBy: "endfor")
        } else {
            try expect(.blockEnd)
        }
        return .loop(
            TemplateLoop(
                target: target, sequence: sequence, filter: filter, isRecursive: isRecursive, body: body,
                otherwise: otherwise))
    }

    private mutating func parseTargets(allowsAttribute: Bool) throws(TemplateError) -> TemplateTarget {
        var targets = [try parseTarget(allowsAttribute: allowsAttribute)]
        var isTuple = false
        while take(symbol: ",") {
            isTuple = true
            guard case .name(let name) = current, name != "in" else {
                guard current == .symbol("(") else { break }
                targets.append(try parseTarget(allowsAttribute: allowsAttribute))
                continue
            }
            targets.append(try parseTarget(allowsAttribute: allowsAttribute))
        }
        return isTuple ? .tuple(targets) : targets[0]
    }

    private mutating func parseTarget(allowsAttribute: Bool) throws(TemplateError) -> TemplateTarget {
        if take(symbol: "(") {
            let target = try nested { parser throws(TemplateError) in
                try parser.parseTargets(allowsAttribute: allowsAttribute)
            }
            try expect(.symbol(")"))
            return target
        }
        let name = try expectName()
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw fault("'\(name)' cannot be assigned to")
        }
        if allowsAttribute, take(symbol: ".") { return .attribute(number(of: name), try expectName()) }
        return .name(number(of: name))
    }

    private mutating func parseSet() throws(TemplateError) -> TemplateStatement.Kind {
        let target = try parseTargets(allowsAttribute: true)
        if take(symbol: "=") {
            let value = try parseTuple()
            try expect(.blockEnd)
            return .set(target, value)
        }
        let filters = current == .symbol("|") ? try parseFilters() : []
        return .setBlock(target, filters, try parseBody(endedBy: "endset"))
    }

    private mutating func parseMacro(name: String, end: String) throws(TemplateError) -> TemplateMacro {
        var parameters: [(name: String, id: Int, value: TemplateExpression?)] = []
        if end == "endmacro" || current == .symbol("(") {
            try expect(.symbol("("))
            while !take(symbol: ")") {
                if !parameters.isEmpty { try expect(.symbol(",")) }
                let name = try expectName()
                let value = take(symbol: "=") ? try parseExpression() : nil
                guard value != nil || parameters.last?.value == nil else {
                    throw fault("'\(name)' has no default but stands behind one that has")
                }
                parameters.append((name, number(of: name), value))
            }
        }
        guard end == "endmacro" else {
            let body: [TemplateStatement] = []
            return TemplateMacro(
                name: name, parameters: parameters, body: body, takesMore: false, takesMoreNamed: false,
                takesCaller: false)
        }
        return try parseMacroBody(name: name, parameters: parameters, end: end)
    }

    private mutating func parseMacroBody(
        name: String, parameters: [(name: String, id: Int, value: TemplateExpression?)], end: String
    ) throws(TemplateError) -> TemplateMacro {
        openMacros.append([])
        let outerLoops = loops
        loops = 0
        let body = try parseBody(endedBy: end)
        loops = outerLoops
        let spokenOf = openMacros.popLast() ?? []
        return TemplateMacro(
            name: name, parameters: parameters, body: body, takesMore: spokenOf.contains(TemplateName.varargs),
            takesMoreNamed: spokenOf.contains(TemplateName.kwargs), takesCaller: spokenOf.contains(TemplateName.caller))
    }

    private mutating func parseCall() throws(TemplateError) -> TemplateStatement.Kind {
        let parameters = try parseMacro(name: "caller", end: "endcall").parameters
        let call = try parseExpression()
        guard case .postfix(_, let steps) = call, case .call? = steps.last else {
            throw fault("'call' needs a call such as 'macro(x)'")
        }
        return .call(call, caller: try parseMacroBody(name: "caller", parameters: parameters, end: "endcall"))
    }

    private mutating func parseWith() throws(TemplateError) -> TemplateStatement.Kind {
        var values: [(target: TemplateTarget, value: TemplateExpression)] = []
        while current != .blockEnd {
            if !values.isEmpty { try expect(.symbol(",")) }
            let target = try parseTarget(allowsAttribute: false)
            try expect(.symbol("="))
            values.append((target, try parseExpression()))
        }
        return .with(values, try parseBody(endedBy: "endwith"))
    }
}
