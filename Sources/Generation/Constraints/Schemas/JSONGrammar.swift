/// The parts of JSON itself, as grammars.
enum JSONGrammar {
    static let space = GrammarRule(id: 0)
    static let value = GrammarRule(id: 1)
    static let object = GrammarRule(id: 2)
    static let array = GrammarRule(id: 3)
    static let character = GrammarRule(id: 4)
    static let member = GrammarRule(id: 5)

    /// How deep generated text may be indented.
    static let indentLimit = 24

    static let rules: [GrammarRule: GrammarNode] = [
        space: .optional(
            .choice([
                .text(" "),
                .sequence([.text("\n"), .repetition(.text(" "), minimum: 0, maximum: indentLimit)]),
            ])),
        value: .choice([
            .rule(object), .rule(array), string, NumberGrammar.number, .text("true"), .text("false"), .text("null"),
        ]),
        object: objectNode(members([], rest: (.rule(member), 0, nil))),
        array: arrayNode(item: .rule(value), minimum: 0, maximum: nil),
        character: .automaton(characterAutomaton),
        member: .sequence([string, colon, .rule(value)]),
    ]

    static let colon = GrammarNode.sequence([.text(":"), .rule(space)])
    static let comma = GrammarNode.sequence([.text(","), .rule(space)])

    /// Any string.
    static let string = GrammarNode.sequence([.text("\""), .automaton(contentAutomaton), .text("\"")])

    static func members(
        _ members: [GrammarMembers.Member], rest: (member: GrammarNode, minimum: Int, maximum: Int?)?
    ) -> GrammarMembers {
        GrammarMembers(
            members: members, rest: rest, separator: comma, emptyEnd: .text("}"),
            filledEnd: .sequence([.rule(space), .text("}")]))
    }

    static func objectNode(_ members: GrammarMembers) -> GrammarNode {
        .sequence([.text("{"), .rule(space), .members(members)])
    }

    /// An array of `minimum` to `maximum` items.
    static func arrayNode(item: GrammarNode, minimum: Int, maximum: Int?) -> GrammarNode {
        let rest = GrammarNode.repetition(
            .sequence([comma, item]), minimum: max(0, minimum - 1), maximum: maximum.map { max(0, $0 - 1) })
        let filled = GrammarNode.sequence([item, rest, .rule(space), .text("]")])
        let tail: GrammarNode =
            maximum == 0 ? .text("]") : minimum == 0 ? .choice([.text("]"), filled]) : filled
        return .sequence([.text("["), .rule(space), tail])
    }

    /// A string of `minimum` to `maximum` characters; an escaped pair of surrogates is one.
    static func string(minimum: Int, maximum: Int?) -> GrammarNode {
        guard minimum > 0 || maximum != nil else { return string }
        return .sequence([
            .text("\""), .repetition(.rule(character), minimum: minimum, maximum: maximum), .text("\""),
        ])
    }

    /// One character inside a string, in any way that JSON allows (RFC 8259, section 7).
    private static let characterAutomaton = makeCharacters(repeats: false)
    /// Any number of them.
    private static let contentAutomaton = makeCharacters(repeats: true)

    private static func makeCharacters(repeats: Bool) -> ByteAutomaton {
        // States: 0 start, 1 end (or 0 again), 2 escape, 3-6 four digits, 7-9 the rest of a digit run that may be a
        // pair's first half, 10-15 its second half, then UTF-8.
        let end = repeats ? 0 : 1
        var edges = [[ByteAutomaton.Edge]](repeating: [], count: 23)
        func add(_ state: Int, _ ranges: [ClosedRange<UInt8>], _ target: Int) {
            for range in ranges { edges[state].append(.init(bytes: range, target: target)) }
        }
        func ascii(_ text: String) -> [ClosedRange<UInt8>] { text.utf8.map { $0...$0 } }
        let digits: [ClosedRange<UInt8>] = [0x30...0x39, 0x41...0x46, 0x61...0x66]
        add(0, [0x20...0x21, 0x23...0x5B, 0x5D...0x7F], end)
        add(0, ascii("\\"), 2)
        add(2, ascii("\"\\/bfnrt"), end)
        add(2, ascii("u"), 3)
        add(3, [0x30...0x39, 0x41...0x43, 0x45...0x46, 0x61...0x63, 0x65...0x66], 4)
        add(4, digits, 5)
        add(5, digits, 6)
        add(6, digits, end)
        add(3, ascii("Dd"), 7)
        add(7, [0x30...0x37], 5)
        add(7, [0x38...0x39, 0x41...0x42, 0x61...0x62], 8)
        add(8, digits, 9)
        add(9, digits, 10)
        add(10, ascii("\\"), 11)
        add(11, ascii("u"), 12)
        add(12, ascii("Dd"), 13)
        add(13, [0x43...0x46, 0x63...0x66], 14)
        add(14, digits, 15)
        add(15, digits, end)
        // Well-formed UTF-8 (Unicode 16, table 3-7): 16 one more byte, 17 two more, 18 three more.
        add(0, [0xC2...0xDF], 16)
        add(0, [0xE0...0xE0], 19)
        add(0, [0xE1...0xEC, 0xEE...0xEF], 17)
        add(0, [0xED...0xED], 20)
        add(0, [0xF0...0xF0], 21)
        add(0, [0xF1...0xF3], 18)
        add(0, [0xF4...0xF4], 22)
        add(16, [0x80...0xBF], end)
        add(17, [0x80...0xBF], 16)
        add(18, [0x80...0xBF], 17)
        add(19, [0xA0...0xBF], 16)
        add(20, [0x80...0x9F], 16)
        add(21, [0x90...0xBF], 17)
        add(22, [0x80...0x8F], 17)
        return ByteAutomaton(edges: edges, isAccepting: edges.indices.map { $0 == end })
    }
}
