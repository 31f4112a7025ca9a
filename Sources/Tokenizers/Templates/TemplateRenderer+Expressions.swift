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
            try enter()
            defer { leave() }
            return try compound(expression, scope)
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

    // The kinds of expressions have functions of their own, not inlined, since one frame for all of them would be of a
    // kilobyte, and templates recur.

    private func compound(
        _ expression: TemplateExpression, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        switch expression {
        case .literal(let literal): value(of: literal)
        case .name(let name): variable(name, scope)
        case .list(let elements): try sequence(elements, .list, scope)
        case .tuple(let elements): try sequence(elements, .tuple, scope)
        case .dictionary(let entries): try dictionary(entries, scope)
        case .chain(let first, let rest): try chain(first, rest, scope)
        case .concatenation(let operands): try concatenation(operands, scope)
        case .comparison(let first, let rest): try comparison(first, rest, scope)
        case .and(let operands): try firstDeciding(operands, true, scope)
        case .or(let operands): try firstDeciding(operands, false, scope)
        case .not(let operand): try opposite(operand, scope)
        case .negative(let operand): try signed(operand, isNegative: true, scope)
        case .positive(let operand): try signed(operand, isNegative: false, scope)
        case .conditional(let test, let then, let otherwise): try conditional(test, then, otherwise, scope)
        case .postfix(let base, let steps): try postfix(base, steps, scope)
        }
    }

    @inline(never)
    private func sequence(
        _ elements: [TemplateExpression], _ kind: TemplateList.Kind, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        try list(try values(elements, scope), kind: kind)
    }

    @inline(never)
    private func chain(
        _ first: TemplateExpression, _ rest: [(operation: TemplateOperator, operand: TemplateExpression)],
        _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        var result = try value(first, scope)
        for (operation, operand) in rest { result = try apply(operation, result, try value(operand, scope)) }
        return result
    }

    @inline(never)
    private func opposite(_ operand: TemplateExpression, _ scope: TemplateScope) throws(TemplateError) -> TemplateValue
    {
        .bool(!(try value(operand, scope).isTrue))
    }

    @inline(never)
    private func signed(
        _ operand: TemplateExpression, isNegative: Bool, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        let result = try value(operand, scope)
        if isNegative { return try negated(result) }
        guard result.double != nil else { throw mismatch("+", result) }
        return result.integer.map(TemplateValue.integer) ?? result
    }

    @inline(never)
    private func conditional(
        _ test: TemplateExpression, _ then: TemplateExpression, _ otherwise: TemplateExpression?, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        if try value(test, scope).isTrue { return try value(then, scope) }
        guard let otherwise else { return .undefined(TemplateMissing(name: "the other case")) }
        return try value(otherwise, scope)
    }

    @inline(never)
    private func postfix(
        _ base: TemplateExpression, _ steps: [TemplatePostfix], _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        // These take twice the stack of other expressions, so they count as two levels.
        try enter()
        defer { leave() }
        return try apply(steps, to: try value(base, scope), scope)
    }

    func values(_ expressions: [TemplateExpression], _ scope: TemplateScope) throws(TemplateError) -> [TemplateValue] {
        var values: [TemplateValue] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try value(expression, scope)) }
        return values
    }

    @inline(never)
    private func dictionary(
        _ entries: [(key: TemplateExpression, value: TemplateExpression)], _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        var builder = TemplateDictionaryBuilder()
        for entry in entries {
            let key = try value(entry.key, scope)
            try set(key, try value(entry.value, scope), in: &builder)
        }
        return try dictionary(builder)
    }

    @inline(never)
    private func concatenation(
        _ operands: [TemplateExpression], _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        var joined = TemplateText()
        for operand in operands {
            let part = try text(try value(operand, scope))
            try check(bytes: joined.count + part.count)
            try spend(bytes: part.count)
            joined.append(part)
        }
        joined.isSafe = false
        return .string(joined)
    }

    @inline(never)
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
    @inline(never)
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
            result = try apply(step, to: result, scope)
        }
        return result
    }

    private func apply(
        _ step: TemplatePostfix, to value: TemplateValue, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        switch step {
        case .attribute(let name): try attribute(name, of: value)
        case .item(let key): try item(at: key, of: value, scope)
        case .slice(let start, let stop, let step): try slice(value, start, stop, step, scope)
        case .call(let written): try call(value, written, scope)
        case .filter(let name, let written): try filter(name, value, written, scope)
        case .test(let name, let written, let isNegated): try test(name, value, written, isNegated, scope)
        }
    }

    @inline(never)
    private func item(
        at key: TemplateExpression, of value: TemplateValue, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        try item(try self.value(key, scope), of: value)
    }

    @inline(never)
    private func slice(
        _ value: TemplateValue, _ start: TemplateExpression?, _ stop: TemplateExpression?, _ step: TemplateExpression?,
        _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        try slice(value, try bound(start, scope), try bound(stop, scope), step: try bound(step, scope) ?? 1)
    }

    @inline(never)
    private func call(
        _ value: TemplateValue, _ written: TemplateArguments, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        try call(value, try arguments(written, scope))
    }

    @inline(never)
    private func filter(
        _ name: String, _ value: TemplateValue, _ written: TemplateArguments, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        try filter(name, value, try arguments(written, scope))
    }

    @inline(never)
    private func test(
        _ name: String, _ value: TemplateValue, _ written: TemplateArguments, _ isNegated: Bool, _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        .bool(try test(name, value, try arguments(written, scope)) != isNegated)
    }

    private func bound(_ expression: TemplateExpression?, _ scope: TemplateScope) throws(TemplateError) -> Int? {
        guard let expression else { return nil }
        let bound = try value(expression, scope)
        if case .none = bound { return nil }
        guard let index = bound.integer else { throw failure("a slice needs integers, not \(bound.typeName)") }
        return index
    }

    @inline(never)
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
