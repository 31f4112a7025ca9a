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
            let flow = try nested { () throws(TemplateError) in try run(statement.kind, scope) }
            if flow != .normal { return flow }
        }
        return .normal
    }

    private func run(_ statement: TemplateStatement.Kind, _ scope: TemplateScope) throws(TemplateError) -> Flow {
        switch statement {
        case .text(let text): try write(text)
        case .print(let expression): try write(try text(try value(expression, scope)))
        case .conditional(let branches, let otherwise):
            for branch in branches where try value(branch.test, scope).isTrue { return try run(branch.body, scope) }
            return try run(otherwise, scope)
        case .loop(let loop): try run(loop, over: try value(loop.sequence, scope), nesting: 0, scope)
        case .set(let target, let expression): try assign(try value(expression, scope), to: target, scope)
        case .setBlock(let target, let filters, let body):
            let written = try captured { () throws(TemplateError) in
                _ = try run(body, TemplateScope(parent: scope))
            }
            try assign(try apply(filters, to: .string(written), scope), to: target, scope)
        case .macro(let name, let macro): scope.set(name, closure(macro, scope))
        case .call(let expression, let caller): try write(try text(try call(expression, with: caller, scope)))
        case .filterBlock(let filters, let body):
            let written = try captured { () throws(TemplateError) in
                _ = try run(body, TemplateScope(parent: scope))
            }
            try write(try text(try apply(filters, to: .string(written), scope)))
        case .with(let values, let body):
            let inner = TemplateScope(parent: scope)
            for (target, expression) in values { try assign(try value(expression, scope), to: target, inner) }
            return try run(body, inner)
        case .scope(let body): return try run(body, TemplateScope(parent: scope))
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        }
        return .normal
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
        if let filter = loop.filter {
            var kept: [TemplateValue] = []
            for element in elements {
                let inner = TemplateScope(parent: scope)
                try assign(element, to: loop.target, inner)
                if try value(filter, inner).isTrue { kept.append(element) }
            }
            elements = kept
        }
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
}
