/// Expressions, from the loosest to the tightest binding (Jinja 3.1's grammar: `~` binds tighter than `+`, `**` from
/// the left, a sign tighter than `**`).
extension TemplateParser {
    /// One expression or, with commas, a tuple.
    mutating func parseTuple(allowsCondition: Bool = true) throws(TemplateError) -> TemplateExpression {
        var elements: [TemplateExpression] = []
        var isTuple = false
        while true {
            if !elements.isEmpty {
                guard take(symbol: ",") else { break }
                isTuple = true
            }
            if isTuple, endsTuple { break }
            elements.append(allowsCondition ? try parseExpression() : try parseOr())
        }
        return isTuple ? .tuple(elements) : elements[0]
    }

    private var endsTuple: Bool {
        switch current {
        case .blockEnd, .variableEnd, .symbol(")"), .end: true
        default: false
        }
    }

    mutating func parseExpression() throws(TemplateError) -> TemplateExpression {
        try nested { parser throws(TemplateError) in
            var value = try parser.parseOr()
            var conditions = 0
            while parser.take(word: "if") {
                conditions += 1
                guard conditions <= Self.maximumNesting else { throw parser.fault("too many conditions in a row") }
                let test = try parser.parseOr()
                let otherwise = parser.take(word: "else") ? try parser.parseExpression() : nil
                value = .conditional(test: test, then: value, otherwise: otherwise)
            }
            return value
        }
    }

    private mutating func parseOr() throws(TemplateError) -> TemplateExpression {
        var operands = [try parseAnd()]
        while take(word: "or") { operands.append(try parseAnd()) }
        return operands.count == 1 ? operands[0] : .or(operands)
    }

    private mutating func parseAnd() throws(TemplateError) -> TemplateExpression {
        var operands = [try parseNot()]
        while take(word: "and") { operands.append(try parseNot()) }
        return operands.count == 1 ? operands[0] : .and(operands)
    }

    private mutating func parseNot() throws(TemplateError) -> TemplateExpression {
        guard take(word: "not") else { return try parseComparison() }
        return try nested { parser throws(TemplateError) in .not(try parser.parseNot()) }
    }

    private mutating func parseComparison() throws(TemplateError) -> TemplateExpression {
        let first = try parseSum()
        var rest: [(comparison: TemplateComparison, operand: TemplateExpression)] = []
        while let comparison = takeComparison() { rest.append((comparison, try parseSum())) }
        return rest.isEmpty ? first : .comparison(first, rest)
    }

    private mutating func takeComparison() -> TemplateComparison? {
        switch current {
        case .symbol(let symbol):
            guard let comparison = TemplateComparison(rawValue: symbol) else { return nil }
            advance()
            return comparison
        case .name("in"):
            advance()
            return .contained
        case .name("not") where following == .name("in"):
            advance()
            advance()
            return .notContained
        default: return nil
        }
    }

    private mutating func takeOperator(_ operators: TemplateOperator...) -> TemplateOperator? {
        guard case .symbol(let symbol) = current, let found = TemplateOperator(rawValue: symbol),
            operators.contains(found)
        else { return nil }
        advance()
        return found
    }

    private mutating func parseSum() throws(TemplateError) -> TemplateExpression {
        let first = try parseConcatenation()
        var rest: [(operation: TemplateOperator, operand: TemplateExpression)] = []
        while let operation = takeOperator(.add, .subtract) { rest.append((operation, try parseConcatenation())) }
        return rest.isEmpty ? first : .chain(first, rest)
    }

    private mutating func parseConcatenation() throws(TemplateError) -> TemplateExpression {
        var operands = [try parseProduct()]
        while take(symbol: "~") { operands.append(try parseProduct()) }
        return operands.count == 1 ? operands[0] : .concatenation(operands)
    }

    private mutating func parseProduct() throws(TemplateError) -> TemplateExpression {
        let first = try parsePower()
        var rest: [(operation: TemplateOperator, operand: TemplateExpression)] = []
        while let operation = takeOperator(.multiply, .divide, .divideWhole, .remainder) {
            rest.append((operation, try parsePower()))
        }
        return rest.isEmpty ? first : .chain(first, rest)
    }

    private mutating func parsePower() throws(TemplateError) -> TemplateExpression {
        let first = try parseUnary(withFilters: true)
        var rest: [(operation: TemplateOperator, operand: TemplateExpression)] = []
        while take(symbol: "**") { rest.append((.power, try parseUnary(withFilters: true))) }
        return rest.isEmpty ? first : .chain(first, rest)
    }

    private mutating func parseUnary(withFilters: Bool) throws(TemplateError) -> TemplateExpression {
        var value: TemplateExpression
        if take(symbol: "-") {
            value = try nested { parser throws(TemplateError) in .negative(try parser.parseUnary(withFilters: false)) }
        } else if take(symbol: "+") {
            value = try nested { parser throws(TemplateError) in .positive(try parser.parseUnary(withFilters: false)) }
        } else {
            value = try parsePrimary()
        }
        var steps: [TemplatePostfix] = []
        try parsePostfixes(&steps)
        if withFilters { try parseFiltersAndTests(&steps) }
        if !steps.isEmpty { value = .postfix(value, steps) }
        return value
    }

    private mutating func parsePrimary() throws(TemplateError) -> TemplateExpression {
        switch current {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return .literal(.bool(true))
            case "false", "False": return .literal(.bool(false))
            case "none", "None": return .literal(.none)
            default: return .name(number(of: name))
            }
        case .string(var text):
            advance()
            while case .string(let more) = current {
                text += more
                advance()
            }
            return .literal(.string(TemplateText(text, isMarkup: true)))
        case .integer(let value):
            advance()
            return .literal(.integer(value))
        case .number(let value):
            advance()
            return .literal(.number(value))
        case .symbol("("):
            advance()
            if take(symbol: ")") { return .tuple([]) }
            let value = try nested { parser throws(TemplateError) in try parser.parseTuple() }
            try expect(.symbol(")"))
            return value
        case .symbol("["):
            advance()
            return .list(try parseElements(closing: "]"))
        case .symbol("{"):
            advance()
            return try parseDictionary()
        default: throw fault("\(current.label) stands where a value should")
        }
    }

    private mutating func parseElements(closing: String) throws(TemplateError) -> [TemplateExpression] {
        var elements: [TemplateExpression] = []
        while !take(symbol: closing) {
            if !elements.isEmpty {
                try expect(.symbol(","))
                if take(symbol: closing) { break }
            }
            elements.append(try parseExpression())
        }
        return elements
    }

    private mutating func parseDictionary() throws(TemplateError) -> TemplateExpression {
        var entries: [(key: TemplateExpression, value: TemplateExpression)] = []
        while !take(symbol: "}") {
            if !entries.isEmpty {
                try expect(.symbol(","))
                if take(symbol: "}") { break }
            }
            let key = try parseExpression()
            try expect(.symbol(":"))
            entries.append((key, try parseExpression()))
        }
        return .dictionary(entries)
    }

    private mutating func parsePostfixes(_ steps: inout [TemplatePostfix]) throws(TemplateError) {
        while true {
            if take(symbol: ".") {
                switch current {
                case .name(let name): steps.append(.attribute(name))
                case .integer(let index): steps.append(.item(.literal(.integer(index))))
                default: throw fault("a name should stand behind '.'")
                }
                advance()
            } else if take(symbol: "[") {
                steps.append(try parseSubscript())
            } else if take(symbol: "(") {
                steps.append(.call(try parseArguments()))
            } else {
                return
            }
        }
    }

    /// What stands between square brackets: an index, several of them, or a slice.
    private mutating func parseSubscript() throws(TemplateError) -> TemplatePostfix {
        var parts: [TemplateExpression?] = []
        repeat {
            let isLeftOut = current == .symbol(":") || current == .symbol("]")
            parts.append(isLeftOut ? nil : try parseExpression())
        } while take(symbol: ":")
        if parts.count > 1 {
            try expect(.symbol("]"))
            guard parts.count <= 3 else { throw fault("a slice has three parts at most") }
            return .slice(parts[0], parts[1], parts.count == 3 ? parts[2] : nil)
        }
        guard let first = parts[0] else { throw fault("an index is missing") }
        guard take(symbol: ",") else {
            try expect(.symbol("]"))
            return .item(first)
        }
        return .item(.tuple([first] + (try parseElements(closing: "]"))))
    }

    /// Filters, tests and the calls of what they give.
    private mutating func parseFiltersAndTests(_ steps: inout [TemplatePostfix]) throws(TemplateError) {
        while true {
            if current == .symbol("|") {
                steps.append(contentsOf: try parseFilters())
            } else if take(word: "is") {
                steps.append(try parseTest())
            } else if take(symbol: "(") {
                steps.append(.call(try parseArguments()))
            } else {
                return
            }
        }
    }

    /// Filters that begin with `|`.
    mutating func parseFilters() throws(TemplateError) -> [TemplatePostfix] {
        var filters: [TemplatePostfix] = []
        while take(symbol: "|") { filters.append(try parseFilter()) }
        return filters
    }

    /// A filter and those behind it, without the first `|`, as in `{% filter %}`.
    mutating func parseFilterNames() throws(TemplateError) -> [TemplatePostfix] {
        [try parseFilter()] + (try parseFilters())
    }

    private mutating func parseDottedName() throws(TemplateError) -> String {
        var name = try expectName()
        while take(symbol: ".") { name += "." + (try expectName()) }
        return name
    }

    private mutating func parseFilter() throws(TemplateError) -> TemplatePostfix {
        let name = try parseDottedName()
        return .filter(name, take(symbol: "(") ? try parseArguments() : .none)
    }

    private mutating func parseTest() throws(TemplateError) -> TemplatePostfix {
        let isNegated = take(word: "not")
        let name = try parseDottedName()
        if take(symbol: "(") { return .test(name, try parseArguments(), isNegated: isNegated) }
        var arguments = TemplateArguments.none
        switch current {
        case .name("else"), .name("or"), .name("and"): break
        case .name("is"): throw fault("two tests need brackets between them")
        case .name, .string, .integer, .number, .symbol("("), .symbol("["), .symbol("{"):
            let value = try nested { parser throws(TemplateError) in try parser.parsePrimary() }
            var steps: [TemplatePostfix] = []
            try parsePostfixes(&steps)
            arguments.positional = [steps.isEmpty ? value : .postfix(value, steps)]
        default: break
        }
        return .test(name, arguments, isNegated: isNegated)
    }

    /// Arguments, behind their opening bracket.
    private mutating func parseArguments() throws(TemplateError) -> TemplateArguments {
        var arguments = TemplateArguments()
        var isFirst = true
        while !take(symbol: ")") {
            if !isFirst {
                try expect(.symbol(","))
                if take(symbol: ")") { break }
            }
            isFirst = false
            if take(symbol: "*") {
                guard arguments.spread == nil else { throw fault("'*' twice in one call") }
                arguments.spread = try parseExpression()
            } else if take(symbol: "**") {
                guard arguments.spreadNamed == nil else { throw fault("'**' twice in one call") }
                arguments.spreadNamed = try parseExpression()
            } else if case .name(let name) = current, following == .symbol("=") {
                advance()
                advance()
                arguments.named.append((name, try parseExpression()))
            } else {
                guard arguments.named.isEmpty, arguments.spreadNamed == nil else {
                    throw fault("an argument without a name behind one with a name")
                }
                arguments.positional.append(try parseExpression())
            }
        }
        return arguments
    }
}
