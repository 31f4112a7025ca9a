/// Tool calls: where they begin, and what becomes of them when they end or break.
extension AnswerParser {
    mutating func stepContent(_ byte: UInt8) {
        switch matcher.push(byte) {
        case .inside: break
        case .outside where Self.isSpace(byte): heldSpace.append(byte)
        case .outside:
            showSpace()
            show([byte])
        case .broken(let bytes):
            showSpace()
            show(bytes)
            stepContent(byte)
        case .matched(1) where expectsClosingTag:
            expectsClosingTag = false
            isBehindCall = true
            heldSpace = []
        case .matched(1):
            showSpace()
            show(matcher.tags[1])
        case .matched(let tag):
            let space = heldSpace.taken()
            rawCall = (isBehindCall ? [] : space) + matcher.tags[tag]
            beginCall()
            // Qwen3-Coder leaves out the outer tag at times.
            if tag == 2 { feedMarkup(matcher.tags[2]) }
        }
    }

    /// White space between calls and text is layout.
    private mutating func showSpace() {
        let space = heldSpace.taken()
        if !isBehindCall { show(space) }
    }

    private mutating func beginCall() {
        mode = .call
        isNamed = false
        jsonCall = nil
        markupCall = nil
        expectsClosingTag = false
    }

    private mutating func feedMarkup(_ bytes: [UInt8]) {
        markupCall = MarkupCallReader(tools: tools)
        var sink = CallSink()
        for byte in bytes { _ = markupCall?.feed(byte, into: &sink) }
    }

    mutating func stepObjects(_ byte: UInt8) {
        switch matcher.push(byte) {
        case .inside: break
        case .matched: heldSpace = []
        case .broken(let bytes):
            leaveObjects()
            show(bytes)
            step(byte)
        case .outside where Self.isSpace(byte): heldSpace.append(byte)
        case .outside where byte == UInt8(ascii: ";") && callCount > 0 && !hasSeparator:
            heldSpace.append(byte)
            hasSeparator = true
        case .outside where byte == UInt8(ascii: "{") && (callCount == 0 || hasSeparator):
            rawCall = heldSpace.taken()
            beginCall()
            stepCall(byte)
        case .outside:
            leaveObjects()
            step(byte)
        }
    }

    private mutating func leaveObjects() {
        let held = heldSpace.taken()
        if !isBehindCall { show(held) } else { show(Array(held.drop(while: Self.isSpace))) }
        mode = .plain
    }

    mutating func stepCall(_ byte: UInt8) {
        if jsonCall == nil, markupCall == nil {
            if byte == UInt8(ascii: "{") {
                jsonCall = JSONCallReader(tools: tools, isStrict: style == .llama3)
            } else if byte == UInt8(ascii: "<") {
                markupCall = MarkupCallReader(tools: tools)
            } else if Self.isSpace(byte) {
                return rawCall.append(byte)
            } else {
                breakOff()
                return step(byte)
            }
        }
        var sink = CallSink()
        let outcome = jsonCall?.feed(byte, into: &sink) ?? markupCall?.feed(byte, into: &sink) ?? .malformed
        if let name = sink.name {
            isNamed = true
            rawCall = []
            pieces.beginCall(callCount, name)
        }
        if isNamed, !sink.arguments.isEmpty { pieces.append(sink.arguments, .arguments(callCount)) }
        switch outcome {
        case .more: if !isNamed { rawCall.append(byte) }
        case .finished: endCall()
        case .malformed:
            breakOff()
            step(byte)
        }
    }

    private mutating func endCall() {
        callCount += 1
        isBehindCall = true
        expectsClosingTag = style != .llama3
        hasSeparator = false
        heldSpace = []
        jsonCall = nil
        markupCall = nil
        mode = style == .llama3 ? .objects : .content
    }

    /// Leaves a call that can't go on: it is content, or its arguments are closed.
    mutating func breakOff() {
        let refused = markupCall?.refused ?? []
        if isNamed {
            let rest = jsonCall?.closing() ?? markupCall?.closing() ?? []
            pieces.append(rest, .arguments(callCount))
            endCall()
            show(refused)
        } else {
            endCall()
            callCount -= 1
            expectsClosingTag = false
            show(rawCall.taken())
        }
        if style == .llama3 { mode = .plain }
    }
}
