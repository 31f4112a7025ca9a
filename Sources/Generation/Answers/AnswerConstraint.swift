import OrderedJSON

/// Makes the constraint of a request: what its tools and its response format ask of the answer.
public enum AnswerConstraint {
    /// The constraint for one answer; none where anything may come.
    ///
    /// A forced call is written in the markup of the model's family, around the tool's schema; a named tool is called
    /// once. With `auto`, tools that are not `strict` leave the answer free, unless a response format is asked for:
    /// then the answer is calls or what the format says. Thinking comes first where the model thinks, and can't be ended by
    /// the answer's end. A tool without parameters takes an empty object.
    /// - Parameters:
    ///   - thinking: how the answer may begin; only counts if `format` knows the tags.
    ///   - parallel: whether there may be several calls.
    ///   - cache: where grammars are kept from request to request.
    /// - Throws: ``GrammarError`` if a schema can't be enforced, the tool isn't there, or the family has no markup.
    public static func make(
        format: AnswerFormat, toolChoice: ToolChoice, tools: [ToolDefinition], parallel: Bool,
        responseFormat: ResponseFormat, thinking: ThinkingMode, vocabulary: VocabularyIndex, endTokens: Set<Int32>,
        cache: GrammarCache
    ) throws(GrammarError) -> GrammarConstraint? {
        let request = ConstraintRequest(
            format: format, toolChoice: toolChoice, tools: tools, parallel: parallel, responseFormat: responseFormat,
            thinking: thinking)
        guard try request.isConstrained() else { return nil }
        let key = GrammarCache.Key(
            text: request.cacheKey, vocabulary: vocabulary.identity, endTokens: endTokens)
        let matcher = try cache.matcher(for: key) { () throws(GrammarError) -> GrammarMatcher in
            GrammarMatcher(
                program: try request.grammar().compiled(), vocabulary: vocabulary, endTokens: endTokens)
        }
        return GrammarConstraint(matcher: matcher, endTokens: endTokens)
    }

    /// The grammar of such an answer; none where anything may come.
    package static func grammar(
        format: AnswerFormat, toolChoice: ToolChoice, tools: [ToolDefinition], parallel: Bool,
        responseFormat: ResponseFormat, thinking: ThinkingMode
    ) throws(GrammarError) -> Grammar? {
        let request = ConstraintRequest(
            format: format, toolChoice: toolChoice, tools: tools, parallel: parallel, responseFormat: responseFormat,
            thinking: thinking)
        return try request.isConstrained() ? try request.grammar() : nil
    }
}

/// What a request asks of the form of its answer.
struct ConstraintRequest: Sendable {
    let format: AnswerFormat
    let toolChoice: ToolChoice
    let tools: [ToolDefinition]
    let parallel: Bool
    let responseFormat: ResponseFormat
    let thinking: ThinkingMode

    /// How many calls may be forced at once.
    private static let callLimit = 32

    func isConstrained() throws(GrammarError) -> Bool {
        let isConstrained =
            switch toolChoice {
            case .none: responseFormat != .text
            case .auto: responseFormat != .text || format.toolCalls != .none && tools.contains(where: \.strict)
            case .required, .function: true
            }
        guard isConstrained else { return false }
        var schemas: [JSONValue] = []
        if toolChoice != .none { schemas = tools.map { [.string($0.name), $0.parameters ?? .null] } }
        if case .jsonSchema(let schema) = responseFormat { schemas.append(schema) }
        // Before anything walks down the schemas.
        try SchemaCompiler.checkSize(of: .array(schemas), limits: .default)
        return true
    }

    /// Everything that the grammar depends on; the sizes of schemas have been checked.
    var cacheKey: [UInt8] {
        var value = JSONObject()
        value["style"] = .string(format.toolCalls.rawValue)
        value["choice"] = .string("\(toolChoice)")
        value["parallel"] = .bool(parallel)
        if let tags = format.thinking {
            value["thinking"] = [.string("\(thinking)"), .string(tags.open), .string(tags.close)]
        }
        switch responseFormat {
        case .text: break
        case .jsonObject: value["format"] = true
        case .jsonSchema(let schema): value["format"] = [schema]
        }
        if toolChoice != .none {
            value["tools"] = .array(tools.map { [.string($0.name), .bool($0.strict), $0.parameters ?? .null] })
        }
        return JSONValue.object(value).serializedBytes
    }

    func grammar() throws(GrammarError) -> Grammar {
        let content: Grammar? =
            switch responseFormat {
            case .text: nil
            case .jsonObject: .jsonObject()
            case .jsonSchema(let schema): try Self.grammar(of: schema)
            }
        let answer: Grammar
        switch toolChoice {
        case .required: answer = try calls(of: tools, several: parallel)
        case .function(let name):
            guard let tool = tools.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
                throw GrammarError(reason: "'tool_choice' names '\(name.prefix(64))', which isn't among the tools")
            }
            answer = try calls(of: [tool], several: false)
        case .none: answer = content ?? .jsonObject()
        case .auto where tools.isEmpty || format.toolCalls == .none: answer = content ?? .jsonObject()
        case .auto:
            let calls = try calls(of: tools, several: parallel)
            answer = if let content { .choice([content, calls]) } else { freeText(then: calls) }
        }
        return thought(before: answer)
    }

    private static func grammar(of schema: JSONValue) throws(GrammarError) -> Grammar {
        let (node, rules) = try SchemaCompiler.compile(schema, limits: .default)
        return Grammar(node, rules: rules)
    }

    private func thought(before answer: Grammar) -> Grammar {
        guard let tags = format.thinking, thinking != .off else { return answer }
        let breaks = Grammar.choice([.literal(""), .literal("\n"), .literal("\n\n")])
        let rest = Grammar.sequence([.text(excluding: [tags.close]), .literal(tags.close), breaks, answer])
        return thinking == .opened ? rest : .choice([answer, .sequence([.literal(tags.open), rest])])
    }

    /// Any text, and calls behind it if there are any.
    private func freeText(then calls: Grammar) -> Grammar {
        switch format.toolCalls {
        case .llama3:
            // What begins with a brace is a call.
            let text = Grammar.sequence([
                Grammar(.oneOf([0x00...0x7A, 0x7C...0xFF])), .text(excluding: ["<|python_tag|>"]),
            ])
            return .choice([text, calls])
        case .hermes, .qwen3Coder, .none:
            let text = Grammar.text(excluding: ["<tool_call>", "<function="])
            return .sequence([text, .choice([.literal(""), calls])])
        }
    }

    private func calls(of tools: [ToolDefinition], several: Bool) throws(GrammarError) -> Grammar {
        guard !tools.isEmpty else { throw GrammarError(reason: "a tool call is asked for, but there are no tools") }
        var calls: [Grammar] = []
        for tool in tools {
            do {
                calls.append(try call(of: tool))
            } catch {
                throw GrammarError(
                    path: error.path, reason: "parameters of tool '\(tool.name.prefix(64))': \(error.reason)")
            }
        }
        let one = Grammar.choice(calls)
        guard several else { return one }
        // The call as a rule, since it stands here twice.
        let rule = GrammarRule.fresh()
        var rules = one.rules
        rules[rule] = one.node
        let separator = GrammarNode.text(format.toolCalls == .llama3 ? "; " : "\n")
        let more = GrammarNode.repetition(
            .sequence([separator, .rule(rule)]), minimum: 0, maximum: Self.callLimit - 1)
        return Grammar(.sequence([.rule(rule), more]), rules: rules)
    }

    private func call(of tool: ToolDefinition) throws(GrammarError) -> Grammar {
        let name = JSONValue.string(tool.name).serialized
        switch format.toolCalls {
        case .hermes:
            return .sequence([
                .literal("<tool_call>\n{\"name\": \(name), \"arguments\": "), try arguments(of: tool),
                .literal("}\n</tool_call>"),
            ])
        case .llama3:
            return .sequence([
                .literal("{\"name\": \(name), \"parameters\": "), try arguments(of: tool), .literal("}"),
            ])
        case .qwen3Coder:
            guard tool.name.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: ">") && $0 != UInt8(ascii: "<") }) else {
                throw GrammarError(reason: "this name can't be written in the model's markup")
            }
            var compiler = try SchemaCompiler(root: tool.parameters ?? [:], limits: .default)
            var parameters = GrammarNode.empty
            if let schema = tool.parameters { parameters = try compiler.markupParameters(schema) }
            let node = GrammarNode.sequence([
                .text("<tool_call>\n<function=\(tool.name)>\n"), parameters,
                .text("</function>\n</tool_call>"),
            ])
            return Grammar(node, rules: compiler.rules)
        case .none:
            throw GrammarError(reason: "this model's template has no markup for tool calls, so none can be forced")
        }
    }

    private func arguments(of tool: ToolDefinition) throws(GrammarError) -> Grammar {
        guard let schema = tool.parameters else { return .literal("{}") }
        let (node, rules) = try SchemaCompiler.compile(schema, limits: .default)
        let compiler = try SchemaCompiler(root: schema, limits: .default)
        switch try Self.isObject(schema, compiler, hops: 0) {
        case true?: return Grammar(node, rules: rules)
        case nil: return .jsonObject()
        case false?: throw GrammarError(path: "/type", reason: "the arguments of a tool are an object")
        }
    }

    /// Whether everything that satisfies `schema` is an object; nil if the schema says nothing.
    private static func isObject(
        _ schema: JSONValue, _ compiler: SchemaCompiler, hops: Int
    ) throws(GrammarError) -> Bool? {
        guard hops < 16 else { return false }
        let object = try compiler.expanded(schema, "", hops: 0)
        if let alternatives = (object["anyOf"] ?? object["oneOf"])?.array, object["type"] == nil {
            for alternative in alternatives {
                guard try isObject(alternative, compiler, hops: hops + 1) == true else { return false }
            }
            return true
        }
        let types = try SchemaKeywords.types(object, "")
        return types == ["any"] ? nil : types == ["object"]
    }
}
