public import OrderedJSON

/// What a text may be, exactly; made once, then shared.
///
/// Works on bytes. Parts can be composed: the markup of a tool call is a literal around a schema.
public struct Grammar: Sendable {
    let node: GrammarNode
    let rules: [GrammarRule: GrammarNode]
    /// The grammar made ready, where that was done already.
    private let program: GrammarProgram?

    init(_ node: GrammarNode, rules: [GrammarRule: GrammarNode] = JSONGrammar.rules) {
        self.node = node
        self.rules = rules
        program = nil
    }

    /// JSON that satisfies `schema`.
    ///
    /// JSON Schema 2020-12 without what a stack automaton can't tell: `not`, `if`, `patternProperties`,
    /// `propertyNames`, `dependent…`, `contains`, `uniqueItems`, `unevaluated…` and references to other documents are refused, never
    /// ignored. Narrower than the schema in these places, so that what is generated always satisfies it:
    /// - declared properties come in declared order; others only behind them, and only where `additionalProperties`
    ///   says so, or no properties are declared. Keys that aren't declared may repeat.
    /// - numbers have at most 18 digits before and 17 behind the point, those with bounds no exponent.
    /// - white space is a space, or a line break and up to 24 spaces, behind `{`, `[`, `,`, `:` and before `}`, `]`.
    /// - without `type`, other keywords tell it.
    ///
    /// `oneOf` is taken as `anyOf`. Formats: date, time, date-time, duration, uuid, email, hostname, ipv4, ipv6, uri;
    /// others are annotations.
    /// - Throws: ``GrammarError`` with the place of what is wrong, can't be enforced, or is too large.
    public init(schema: JSONValue, limits: GrammarLimits = .default) throws(GrammarError) {
        let (node, rules) = try SchemaCompiler.compile(schema, limits: limits)
        self.node = node
        self.rules = rules
        program = try GrammarProgram.make(node, rules: rules, limits: limits)
    }

    /// Any JSON object.
    public static func jsonObject() -> Grammar { Grammar(.rule(JSONGrammar.object)) }

    /// Any JSON value.
    public static func jsonValue() -> Grammar { Grammar(.rule(JSONGrammar.value)) }

    /// This text.
    public static func literal(_ text: String) -> Grammar { Grammar(.text(text)) }

    /// One of these texts.
    public static func words(_ words: [String]) -> Grammar {
        Grammar(.automaton(ByteAutomaton(words: words.map { Array($0.utf8) })))
    }

    /// Any text in which none of `words` stands.
    public static func text(excluding words: [String]) -> Grammar {
        Grammar(.automaton(ByteAutomaton(excluding: words.map { Array($0.utf8) })))
    }

    /// One behind the other.
    public static func sequence(_ parts: [Grammar]) -> Grammar {
        Grammar(.sequence(parts.map(\.node)), rules: merged(parts))
    }

    /// Any one of these.
    public static func choice(_ parts: [Grammar]) -> Grammar {
        Grammar(.choice(parts.map(\.node)), rules: merged(parts))
    }

    /// The same several times; refused when the grammar is made ready if it may be empty.
    public static func repetition(_ part: Grammar, minimum: Int = 0, maximum: Int? = nil) -> Grammar {
        Grammar(.repetition(part.node, minimum: max(0, minimum), maximum: maximum), rules: part.rules)
    }

    private static func merged(_ parts: [Grammar]) -> [GrammarRule: GrammarNode] {
        parts.reduce(into: JSONGrammar.rules) { rules, part in rules.merge(part.rules) { first, _ in first } }
    }

    /// The grammar made ready.
    func compiled(limits: GrammarLimits = .default) throws(GrammarError) -> GrammarProgram {
        if let program { return program }
        return try GrammarProgram.make(node, rules: rules, limits: limits)
    }
}
