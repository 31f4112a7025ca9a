/// Sorts an answer that comes in pieces into thinking, content and tool calls.
///
/// A machine over bytes: wherever the text is cut, the joined pieces are the same. No markup of a well-formed answer
/// shows in them. A call that turns out not to be one (broken JSON, an unknown name) is content, word for word, if its
/// name hasn't been reported yet; later its arguments are closed to valid JSON, and what follows is content. Without
/// tools everything but the thinking is content.
///
/// ```swift
/// var parser = AnswerParser(format: .detect(templateSource: template), tools: tools, startsInThinking: false)
/// for await text in texts { for piece in parser.append(text) { send(piece) } }
/// for piece in parser.finish() { send(piece) }
/// ```
public struct AnswerParser: Sendable {
    enum Mode: Sendable {
        /// At the beginning, where the thinking may be opened.
        case opening
        case reasoning
        /// Content in which tags open calls.
        case content
        /// At the beginning of an answer that may be JSON calls as a whole, and between these.
        case objects
        case call
        /// Content in which nothing is looked for.
        case plain
    }

    let style: ToolCallStyle
    let tools: OfferedTools
    var mode: Mode
    var matcher: TagMatcher
    var pieces = PieceBuilder()
    /// White space that shows only if text follows.
    var heldSpace: [UInt8] = []
    /// Whether line breaks are dropped, as they are behind the thinking.
    private var dropsBreaks = false
    private var hasReasoning = false
    private var heldBreaks = 0

    var jsonCall: JSONCallReader?
    var markupCall: MarkupCallReader?
    /// The text of a call while it may still turn out to be content.
    var rawCall: [UInt8] = []
    var isNamed = false
    var callCount = 0
    /// Whether a call was the last thing but white space.
    var isBehindCall = false
    var expectsClosingTag = false
    var hasSeparator = false

    static let contentTags = ["<tool_call>", "</tool_call>", "<function="]

    /// A parser for one answer.
    /// - Parameters:
    ///   - tools: those that were offered; none: tool markup is content.
    ///   - startsInThinking: whether the prompt ended inside the thinking.
    public init(format: AnswerFormat, tools: [ToolDefinition], startsInThinking: Bool) {
        self.tools = OfferedTools(tools)
        style = format.toolCalls
        if let thinking = format.thinking {
            matcher = TagMatcher(startsInThinking ? [thinking.close, thinking.open] : [thinking.open])
            closeTag = thinking.close
            mode = startsInThinking ? .reasoning : .opening
        } else {
            matcher = TagMatcher([])
            closeTag = ""
            mode = .plain
            enterAnswer()
        }
    }

    private let closeTag: String

    /// Takes the next text.
    /// - Returns: what is certain by now, neighbours of one kind joined.
    public mutating func append(_ text: String) -> [AnswerPiece] {
        for byte in text.utf8 { step(byte) }
        return pieces.take()
    }

    /// Takes note that nothing follows: open calls are closed, held text shows.
    public mutating func finish() -> [AnswerPiece] {
        let rest = matcher.flush()
        switch mode {
        case .opening:
            enterAnswer()
            for byte in heldSpace.taken() + rest { step(byte) }
            return finish()
        case .reasoning: for byte in rest { appendReasoning(byte) }
        case .content, .objects:
            if !isBehindCall || !rest.isEmpty { show(heldSpace + rest) }
        case .call: breakOff()
        case .plain: break
        }
        heldSpace = []
        mode = .plain
        return pieces.take()
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    mutating func step(_ byte: UInt8) {
        if dropsBreaks {
            guard byte != 0x0A else { return }
            dropsBreaks = false
        }
        switch mode {
        case .opening: stepOpening(byte)
        case .reasoning: stepReasoning(byte)
        case .content: stepContent(byte)
        case .objects: stepObjects(byte)
        case .call: stepCall(byte)
        case .plain: pieces.append([byte], .content)
        }
    }

    private mutating func stepOpening(_ byte: UInt8) {
        switch matcher.push(byte) {
        case .inside: break
        case .matched:
            heldSpace = []
            matcher = TagMatcher([closeTag])
            mode = .reasoning
        case .outside where Self.isSpace(byte): heldSpace.append(byte)
        case .outside:
            enterAnswer()
            for held in heldSpace.taken() { step(held) }
            step(byte)
        case .broken(let bytes):
            enterAnswer()
            for held in heldSpace.taken() + bytes { step(held) }
            step(byte)
        }
    }

    private mutating func stepReasoning(_ byte: UInt8) {
        switch matcher.push(byte) {
        case .inside: break
        case .outside: appendReasoning(byte)
        case .matched(0):
            dropsBreaks = true
            enterAnswer()
        case .matched(let tag):
            // Some models open the thinking again that the prompt has opened.
            if hasReasoning { for byte in matcher.tags[tag] { appendReasoning(byte) } }
        case .broken(let bytes):
            for byte in bytes { appendReasoning(byte) }
            stepReasoning(byte)
        }
    }

    /// Line breaks at both ends of the thinking are layout.
    private mutating func appendReasoning(_ byte: UInt8) {
        guard byte != 0x0A else {
            heldBreaks += hasReasoning ? 1 : 0
            return
        }
        if heldBreaks > 0 { pieces.append([UInt8](repeating: 0x0A, count: heldBreaks), .reasoning) }
        heldBreaks = 0
        hasReasoning = true
        pieces.append([byte], .reasoning)
    }

    private mutating func enterAnswer() {
        guard !tools.isEmpty else {
            mode = .plain
            return
        }
        switch style {
        case .none: mode = .plain
        case .hermes:
            mode = .content
            matcher = TagMatcher(Array(Self.contentTags.prefix(2)))
        case .qwen3Coder:
            mode = .content
            matcher = TagMatcher(Self.contentTags)
        case .llama3:
            mode = .objects
            matcher = TagMatcher(["<|python_tag|>"])
        }
    }

    /// Shows `bytes` as content.
    mutating func show(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        isBehindCall = false
        pieces.append(bytes, .content)
    }
}

extension [UInt8] {
    /// The elements, which are gone afterwards.
    mutating func taken() -> [UInt8] {
        defer { self = [] }
        return self
    }
}

/// Gathers bytes by kind until they are handed out as text.
struct PieceBuilder: Sendable {
    enum Kind: Sendable, Equatable { case reasoning, content, arguments(Int) }

    private var pieces: [AnswerPiece] = []
    private var kind = Kind.content
    private var bytes: [UInt8] = []

    mutating func append(_ more: [UInt8], _ kind: Kind) {
        if kind != self.kind { close() }
        self.kind = kind
        bytes.append(contentsOf: more)
    }

    mutating func beginCall(_ index: Int, _ name: String) {
        close()
        pieces.append(.toolCall(index: index, name: name))
    }

    mutating func take() -> [AnswerPiece] {
        close()
        defer { pieces = [] }
        return pieces
    }

    private mutating func close() {
        guard !bytes.isEmpty else { return }
        let text = String(decoding: bytes.taken(), as: UTF8.self)
        switch kind {
        case .reasoning: pieces.append(.reasoning(text))
        case .content: pieces.append(.content(text))
        case .arguments(let index): pieces.append(.toolArguments(index: index, text))
        }
    }
}
