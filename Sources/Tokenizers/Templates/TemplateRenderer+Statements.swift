extension TemplateRenderer {
    /// How a body ended.
    enum Flow {
        case normal
        case breakLoop
        case continueLoop
    }

    func run(_ body: [TemplateStatement], _ scope: TemplateScope) throws(TemplateError) -> Flow {
        for statement in body {
            line = statement.line
            if case .text(let text) = statement.kind {
                try spend()
                try write(text)
                continue
            }
            let flow = try runOne(statement.kind, scope)
            if flow != .normal { return flow }
        }
        return .normal
    }

    // As with expressions, small functions keep the frames small.

    private func runOne(_ statement: TemplateStatement.Kind, _ scope: TemplateScope) throws(TemplateError) -> Flow {
        try enter()
        defer { leave() }
        switch statement {
        case .text(let text): try write(text)
        case .print(let expression): try print(expression, scope)
        case .conditional(let branches, let otherwise): return try run(try branch(branches, scope) ?? otherwise, scope)
        case .loop(let loop): try start(loop, scope)
        case .set(let target, let expression): try set(target, to: expression, scope)
        case .setBlock(let target, let filters, let body):
            try assign(try filtered(body, filters, scope), to: target, scope)
        case .macro(let name, let macro): scope.set(name, closure(macro, scope))
        case .call(let expression, let caller): try print(expression, calledBy: caller, scope)
        case .filterBlock(let filters, let body): try write(try text(try filtered(body, filters, scope)))
        case .with(let values, let body): return try run(body, try inner(values, scope))
        case .scope(let body): return try run(body, TemplateScope(parent: scope))
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        }
        return .normal
    }

    @inline(never)
    private func print(_ expression: TemplateExpression, _ scope: TemplateScope) throws(TemplateError) {
        try write(try text(try value(expression, scope)))
    }

    @inline(never)
    private func print(
        _ expression: TemplateExpression, calledBy macro: TemplateMacro, _ scope: TemplateScope
    ) throws(TemplateError) {
        try write(try text(try call(expression, with: macro, scope)))
    }

    /// The body of the first branch whose test holds.
    @inline(never)
    private func branch(
        _ branches: [(test: TemplateExpression, body: [TemplateStatement])], _ scope: TemplateScope
    ) throws(TemplateError) -> [TemplateStatement]? {
        for branch in branches where try value(branch.test, scope).isTrue { return branch.body }
        return nil
    }

    @inline(never)
    private func start(_ loop: TemplateLoop, _ scope: TemplateScope) throws(TemplateError) {
        try run(loop, over: try value(loop.sequence, scope), nesting: 0, scope)
    }

    @inline(never)
    private func set(
        _ target: TemplateTarget, to expression: TemplateExpression, _ scope: TemplateScope
    ) throws(TemplateError) {
        try assign(try value(expression, scope), to: target, scope)
    }

    /// What `body` writes, through `filters`.
    @inline(never)
    private func filtered(
        _ body: [TemplateStatement], _ filters: [TemplatePostfix], _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        let written = try captured { () throws(TemplateError) in
            _ = try run(body, TemplateScope(parent: scope))
        }
        return try apply(filters, to: .string(written), scope)
    }

    /// The scope of a `with` block.
    @inline(never)
    private func inner(
        _ values: [(target: TemplateTarget, value: TemplateExpression)], _ scope: TemplateScope
    ) throws(TemplateError) -> TemplateScope {
        let inner = TemplateScope(parent: scope)
        for (target, expression) in values { try assign(try value(expression, scope), to: target, inner) }
        return inner
    }

    func assign(_ value: TemplateValue, to target: TemplateTarget, _ scope: TemplateScope) throws(TemplateError) {
        switch target {
        case .name(let name): scope.set(name, value)
        case .tuple(let targets):
            let parts = try elements(of: value)
            guard parts.count == targets.count else {
                throw failure("\(parts.count) values stand for \(targets.count) names")
            }
            for (target, part) in zip(targets, parts) { try assign(part, to: target, scope) }
        case .attribute(let name, let attribute):
            guard case .object(.namespace(let namespace)) = variable(name, scope) else {
                throw failure("'\(names[name])' is no namespace, so nothing in it can be set")
            }
            try set(attribute, of: namespace, to: value)
        }
    }

    /// Sets an attribute of a namespace.
    func set(_ name: String, of namespace: TemplateNamespace, to value: TemplateValue) throws(TemplateError) {
        guard !name.hasPrefix("_") else { throw failure("a namespace holds no names with an underscore in front") }
        try spend(namespace.attributes.count / 16)
        namespace[name] = value
    }

    /// Runs a loop over the elements of `sequence`.
    func run(
        _ loop: TemplateLoop, over sequence: TemplateValue, nesting: Int, _ scope: TemplateScope
    ) throws(TemplateError) {
        var elements = try elements(of: sequence)
        if let filter = loop.filter { elements = try kept(elements, by: filter, of: loop, scope) }
        guard !elements.isEmpty else {
            _ = try run(loop.otherwise, TemplateScope(parent: scope))
            return
        }
        let state = TemplateLoopState(loop, elements, nesting: nesting, scope: scope)
        for (index, element) in elements.enumerated() {
            try spend()
            state.index = index
            let inner = TemplateScope(parent: scope)
            inner.set(TemplateName.loop, .object(.loop(state)))
            try assign(element, to: loop.target, inner)
            if try run(loop.body, inner) == .breakLoop { break }
        }
    }

    @inline(never)
    private func kept(
        _ elements: [TemplateValue], by filter: TemplateExpression, of loop: TemplateLoop, _ scope: TemplateScope
    ) throws(TemplateError) -> [TemplateValue] {
        var kept: [TemplateValue] = []
        for element in elements {
            let inner = TemplateScope(parent: scope)
            try assign(element, to: loop.target, inner)
            if try value(filter, inner).isTrue { kept.append(element) }
        }
        return kept
    }
}
