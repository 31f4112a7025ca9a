extension TemplateRenderer {
    func value(_ expression: TemplateExpression, _ scope: TemplateScope) throws(TemplateError) -> TemplateValue {
        switch expression {
        case .literal(let literal):
            try spend()
            return value(of: literal)
        case .name(let name):
            try spend()
            return variable(name, scope)
        default:
            return try nested { () throws(TemplateError) in try compound(expression, scope) }
        }
    }

    private func value(of literal: TemplateLiteral) -> TemplateValue {
        switch literal {
        case .none: .none
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .string(let text): .string(text)
        }
    }

    private func compound(_ expression: TemplateExpression, _ scope: TemplateScope) throws(TemplateError) -> TemplateValue {
        switch expression {
        case .literal, .name: return try value(expression, scope)
        case .list(let elements): return try list(try values(elements, scope))
        case .tuple(let elements): return try list(try values(elements, scope), kind: .tuple)
        case .dictionary(let entries): return try dictionary(entries, scope)
        case .chain(let first, let rest):
            var result = try value(first, scope)
            for (operation, operand) in rest { result = try apply(operation, result, try value(operand, scope)) }
            return result
        case .concatenation(let operands): return try concatenation(operands, scope)
        case .comparison(let first, let rest): return try comparison(first, rest, scope)
        case .and(let operands): return try firstDeciding(operands, true, scope)
        case .or(let operands): return try firstDeciding(operands, false, scope)
        case .not(let operand): return .bool(!(try value(operand, scope).isTrue))
        case .negative(let operand): return try negated(try value(operand, scope))
        case .positive(let operand):
            let result = try value(operand, scope)
            guard result.double != nil else { throw mismatch("+", result) }
            return result.integer.map(TemplateValue.integer) ?? result
        case .conditional(let test, let then, let otherwise):
            if try value(test, scope).isTrue { return try value(then, scope) }
            guard let otherwise else { return .undefined(TemplateMissing(name: "the other case")) }
            return try value(otherwise, scope)
        case .postfix(let base, let steps): return try apply(steps, to: try value(base, scope), scope)
        }
    }

    func values(_ expressions: [TemplateExpression], _ scope: TemplateScope) throws(TemplateError) -> [TemplateValue] {
        var values: [TemplateValue] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try value(expression, scope)) }
        return values
    }

    private func dictionary(
        _ entries: [(key: TemplateExpression, value: TemplateExpression)], _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        var builder = TemplateDictionaryBuilder()
        for entry in entries {
            let key = try value(entry.key, scope)
            guard builder.set(key, try value(entry.value, scope)) else {
                throw failure("a value of type \(key.typeName) cannot be a key")
            }
        }
        return try dictionary(builder)
    }

    private func concatenation(
        _ operands: [TemplateExpression], _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        var joined = TemplateText()
        for operand in operands {
            let part = try text(try value(operand, scope))
            try reserve(bytes: joined.count + part.count)
            joined.append(part)
        }
        joined.isSafe = false
        return .string(joined)
    }

    private func comparison(
        _ first: TemplateExpression, _ rest: [(comparison: TemplateComparison, operand: TemplateExpression)],
        _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        var left = try value(first, scope)
        for (comparison, operand) in rest {
            let right = try value(operand, scope)
            guard try holds(comparison, left, right) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    /// The first operand that is false (for `and`) or true (for `or`), else the last one.
    private func firstDeciding(
        _ operands: [TemplateExpression], _ isAnd: Bool, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        var result = TemplateValue.none
        for operand in operands {
            result = try value(operand, scope)
            if result.isTrue != isAnd { break }
        }
        return result
    }

    /// Applies attributes, items, calls, filters and tests one after the other.
    func apply(
        _ steps: [TemplatePostfix], to base: TemplateValue, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        var result = base
        for step in steps {
            try spend()
            switch step {
            case .attribute(let name): result = try attribute(name, of: result)
            case .item(let key): result = try item(try value(key, scope), of: result)
            case .slice(let start, let stop, let step):
                result = try slice(
                    result, try bound(start, scope), try bound(stop, scope), step: try bound(step, scope) ?? 1)
            case .call(let written): result = try call(result, try arguments(written, scope))
            case .filter(let name, let written): result = try filter(name, result, try arguments(written, scope))
            case .test(let name, let written, let isNegated):
                result = .bool(try test(name, result, try arguments(written, scope)) != isNegated)
            }
        }
        return result
    }

    private func bound(_ expression: TemplateExpression?, _ scope: TemplateScope) throws(TemplateError) -> Int? {
        guard let expression else { return nil }
        let bound = try value(expression, scope)
        if case .none = bound { return nil }
        guard let index = bound.integer else { throw failure("a slice needs integers, not \(bound.typeName)") }
        return index
    }

    private func arguments(
        _ written: TemplateArguments, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateCallArguments {
        var arguments = TemplateCallArguments()
        arguments.positional = try values(written.positional, scope)
        for (name, expression) in written.named { arguments.named.append((name, try value(expression, scope))) }
        if let spread = written.spread {
            arguments.positional += try elements(of: try value(spread, scope))
        }
        if let spread = written.spreadNamed {
            guard case .dictionary(let dictionary) = try value(spread, scope) else {
                throw failure("'**' needs a mapping")
            }
            try spend(dictionary.keys.count)
            for (key, value) in zip(dictionary.keys, dictionary.values) {
                guard case .string(let name) = key else { throw failure("'**' needs names as keys") }
                arguments.named.append((name.string, value))
            }
        }
        return arguments
    }

    /// Calls what the last postfix of `expression` calls, with `macro` as `caller`.
    func call(
        _ expression: TemplateExpression, with macro: TemplateMacro, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        guard case .postfix(let base, let steps) = expression, case .call(let written)? = steps.last else {
            throw failure("'call' needs a call")
        }
        let callee = try apply(Array(steps.dropLast()), to: try value(base, scope), scope)
        var arguments = try arguments(written, scope)
        arguments.named.append(("caller", closure(macro, scope)))
        return try call(callee, arguments)
    }
}
