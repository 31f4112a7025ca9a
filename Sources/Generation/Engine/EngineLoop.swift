import Checkpoints
import Foundation
import LanguageModels
import Tensors

/// The thread that runs the model: takes requests in, feeds prompts in chunks beside running answers, chooses tokens.
///
/// A step is one batch through the model: one token of every running answer, what is guessed to follow it where that pays,
/// and as much of the waiting prompts as the time for a step permits. When pages run out the youngest sequence is set back
/// and computed again later; since no result depends on the batch, its text is the same.
final class EngineLoop {
    private let decoder: any Decoder
    private let endTokens: Set<Int32>
    private let options: EngineOptions
    private let inbox: Inbox
    private let cache: any KeyValueCache
    private var allocator: PageAllocator
    private var waiting: [ActiveSequence] = []
    private var running: [ActiveSequence] = []
    private var statistics = EngineStatistics()
    /// Tokens per second that prompts lately ran at.
    private var promptRate = 100.0
    private var draftLengths = DraftLengths()
    /// How often guesses come true in this engine, for answers that have made none.
    private var chances = GuessChances(weight: 0.02)

    init(decoder: any Decoder, endTokens: Set<Int32>, options: EngineOptions, inbox: Inbox) throws {
        self.decoder = decoder
        self.endTokens = endTokens
        self.options = options
        self.inbox = inbox
        let config = decoder.config
        // One sequence alone always fits, or setting back the others would not help it.
        let tokens = max(options.cacheTokens, options.contextTokens)
        let pages = (tokens + CacheShape.pageTokens - 1) / CacheShape.pageTokens
        cache = try decoder.device.makeCache(
            CacheShape(
                layers: config.numHiddenLayers, kvHeads: config.numKeyValueHeads, headDim: config.headDim, pages: pages,
                format: options.cacheFormat)
        )
        allocator = PageAllocator(pages: pages)
        statistics.pages = pages
    }

    func run() {
        while true {
            let rings = inbox.ringsSoFar
            guard let commands = inbox.take() else { break }
            for command in commands { waiting.append(ActiveSequence(command, chances: chances)) }
            dropAbandoned()
            admit()
            inbox.publish { [self] in publish(into: &$0) }
            if running.isEmpty {
                if waiting.isEmpty, commands.isEmpty { inbox.wait(since: rings) }
                continue
            }
            step()
        }
        for sequence in running + waiting { sequence.outlet.finish(.failed(.stopped)) }
    }

    private func publish(into shared: inout EngineStatistics) {
        statistics.waiting = waiting.count
        statistics.running = running.count
        statistics.usedPages = allocator.used
        // Counted where requests arrive.
        statistics.requests = shared.requests
        statistics.refused = shared.refused
        shared = statistics
    }

    private func dropAbandoned() {
        for sequence in running where sequence.outlet.abandoned { allocator.end(&sequence.lease) }
        statistics.abandoned += (running + waiting).count { $0.outlet.abandoned }
        running.removeAll { $0.outlet.abandoned }
        waiting.removeAll { $0.outlet.abandoned }
    }

    /// Moves requests from the queue to the running ones while there is room for their tokens.
    private func admit() {
        while let next = waiting.first, running.count < options.parallel {
            guard start(next) else { return }
            waiting.removeFirst()
            running.append(next)
        }
    }

    private func start(_ sequence: ActiveSequence) -> Bool {
        sequence.lease = allocator.begin(sequence.tokens, reusing: sequence.reusesPrefix)
        let found = sequence.lease.pages.count * CacheShape.pageTokens
        guard allocator.extend(&sequence.lease, toHold: sequence.tokens.count) else {
            allocator.end(&sequence.lease)
            return false
        }
        sequence.computed = found
        if sequence.generated == 0 {
            sequence.cachedTokens = found
            statistics.cachedTokens += found
        }
        return true
    }
}

// MARK: - A step

extension EngineLoop {
    /// A sequence's share of a batch.
    private struct Share {
        let sequence: ActiveSequence
        let tokens: Range<Int>
        /// Guesses at what follows these, tried in the same step.
        var draft: ArraySlice<Int32> = []
        /// Its first place in the batch.
        let start: Int
        var isLast: Bool { tokens.upperBound == sequence.tokens.count }
    }
    /// A token whose final state is of use.
    private struct Wanted {
        let share: Share
        let token: Int
        var sequence: ActiveSequence { share.sequence }
        /// Its place in the batch.
        var row: Int { token - share.tokens.lowerBound + share.start }
        /// Its place in the share's draft; none if it isn't guessed.
        var guess: Int? {
            token < share.tokens.upperBound ? nil : share.draft.startIndex + token - share.tokens.upperBound
        }
        /// Whether the sequence has come to end with just this token, if it was guessed.
        var isRight: Bool {
            guard let guess else { return true }
            return token + 1 == sequence.tokens.count && share.draft[guess] == sequence.tokens[token]
        }
    }

    private func step() {
        let shares = plan()
        guard !shares.isEmpty else { return }
        var batch = Batch()
        for share in shares {
            batch.append(
                share.sequence.tokens[share.tokens] + share.draft, position: share.tokens.lowerBound,
                pages: share.sequence.lease.pages)
        }
        // States are needed of each last token and of guesses behind it, and of all tokens of a prompt that is to be
        // reported or embedded.
        let wanted = shares.flatMap { share -> [Wanted] in
            let needsAll = share.sequence.needsWholePrompt
            guard share.isLast || needsAll else { return [] }
            let first = needsAll ? share.tokens.lowerBound : share.tokens.upperBound - 1
            return (first..<share.tokens.upperBound + share.draft.count).map { Wanted(share: share, token: $0) }
        }
        let start = ContinuousClock.now
        let hidden = decoder.hiddenStates(of: batch, rows: wanted.map(\.row), cache: cache)
        let time = start.duration(to: .now)
        let hasPrompts = measure(shares, time: time)
        for share in shares { note(share.sequence, computed: share.tokens.upperBound) }
        addStates(wanted, hidden: hidden)
        let total = time + choose(wanted, hidden: hidden)
        if !hasPrompts { draftLengths.cost.note(rows: batch.tokens.count, seconds: total.seconds) }
        for share in shares where !share.draft.isEmpty {
            allocator.shrink(&share.sequence.lease, toHold: share.sequence.tokens.count)
        }
    }

    private func note(_ sequence: ActiveSequence, computed: Int) {
        sequence.computed = computed
        guard sequence.reusesPrefix else { return }
        allocator.remember(&sequence.lease, tokens: sequence.tokens[..<computed])
    }

    /// One token of each running answer, then prompts in the order of arrival until the step is full.
    private func plan() -> [Share] {
        for sequence in running where sequence.isDecoding {
            // Setting back others may have set back this one.
            while sequence.computed > 0, !allocator.extend(&sequence.lease, toHold: sequence.tokens.count) {
                setBackYoungest()
            }
        }
        let answers = running.filter(\.isDecoding)
        var room = min(options.chunkTokens, rows(in: answers.isEmpty ? options.promptStep : options.mixedStep))
        var shares: [Share] = []
        var start = 0
        let prompts = running.filter { !$0.isDecoding }
        for (sequence, draft) in zip(answers, drafts(of: answers, besidePrompts: !prompts.isEmpty)) {
            let last = sequence.computed
            shares.append(Share(sequence: sequence, tokens: last..<last + 1, draft: draft, start: start))
            start += 1 + draft.count
        }
        for sequence in prompts {
            let count = min(sequence.pending, room)
            guard count > 0 else { continue }
            room -= count
            shares.append(
                Share(sequence: sequence, tokens: sequence.computed..<sequence.computed + count, start: start))
            start += count
        }
        return shares
    }

    /// Rows that a step of `time` has room for.
    private func rows(in time: Duration) -> Int { max(EngineOptions.leastRows, Int(promptRate * time.seconds)) }

    /// What is guessed to follow each of `answers`, as far as this step tries it. Pages for it come at nobody's expense.
    private func drafts(of answers: [ActiveSequence], besidePrompts: Bool) -> [ArraySlice<Int32>] {
        guard options.draftTokens > 0, !answers.isEmpty else { return answers.map { _ in [] } }
        // Many tokens at once for one shall not make all others wait.
        let share = answers.count == 1 ? options.draftTokens : rows(in: options.mixedStep) / answers.count - 1
        for sequence in answers {
            // After the last token that the answer may have nothing is chosen.
            let most = max(0, min(options.draftTokens, share, sequence.maxTokens - sequence.generated - 1))
            sequence.guesses.look(at: sequence.tokens, most: most)
        }
        let guesses = answers.map { (chance: $0.guesses.chance, most: $0.guesses.tokens.count) }
        // Beside prompts a row costs as much as one of theirs.
        let lengths =
            options.triesAllGuesses
            ? guesses.map(\.most) : besidePrompts ? guesses.map { _ in 0 } : draftLengths.choose(guesses)
        return zip(answers, lengths).map { sequence, length in
            let known = sequence.tokens.count
            let room = allocator.extendFreely(&sequence.lease, toHold: known + length) - known
            statistics.draftTokens += room
            return sequence.guesses.tokens.prefix(room)
        }
    }

    private func setBackYoungest() {
        guard let youngest = running.max(by: { $0.arrival < $1.arrival }) else { return }
        allocator.end(&youngest.lease)
        youngest.computed = 0
        running.removeAll { $0 === youngest }
        waiting.insert(youngest, at: 0)
        statistics.preemptions += 1
    }

    /// - Returns: whether there were prompts among them.
    private func measure(_ shares: [Share], time: Duration) -> Bool {
        let prompts = shares.filter { !$0.sequence.isDecoding }.reduce(0) { $0 + $1.tokens.count }
        statistics.promptTokens += prompts
        let total = shares.reduce(0) { $0 + $1.tokens.count }
        if prompts >= 16 { promptRate = 0.7 * promptRate + 0.3 * Double(total) / max(1e-6, time.seconds) }
        return prompts > 0
    }

    /// Rows of scores that are computed at a time: a row of a large vocabulary is more than half a megabyte.
    private static let scoreRows = 32

    /// Gives the states of texts that are embedded to their sums; `hidden` has a row for each of `wanted`.
    private func addStates(_ wanted: [Wanted], hidden: Tensor) {
        guard wanted.contains(where: \.sequence.request.embeds) else { return }
        hidden.withFloats { all in
            for (row, wanted) in wanted.enumerated() where wanted.sequence.request.embeds {
                wanted.sequence.add(
                    all.extracting(row * hidden.width..<(row + 1) * hidden.width), of: wanted.token)
                guard wanted.token + 1 == wanted.sequence.tokens.count else { continue }
                end(wanted.sequence) { wanted.sequence.finishEmbedding() }
            }
        }
    }

    /// Uses the scores that come out of the states of all others.
    /// - Returns: how long the model took for the scores.
    private func choose(_ wanted: [Wanted], hidden: Tensor) -> Duration {
        var time = Duration.zero
        let scored = wanted.indices.filter { !wanted[$0].sequence.request.embeds }
        for first in stride(from: 0, to: scored.count, by: Self.scoreRows) {
            let rows = scored[first..<min(first + Self.scoreRows, scored.count)]
            let start = ContinuousClock.now
            let logits = decoder.logits(decoder.device.rows(hidden, Array(rows)))
            time += start.duration(to: .now)
            logits.withFloats { all in
                for (place, row) in rows.enumerated() {
                    let scores = all.extracting(place * logits.width..<(place + 1) * logits.width)
                    use(scores, for: wanted[row])
                }
            }
        }
        return time
    }

    /// Uses the scores after a token: for the report of the prompt, or to choose the next one. What comes after a wrong
    /// guess or the end is of no use.
    private func use(_ scores: Span<Float>, for wanted: Wanted) {
        let sequence = wanted.sequence, token = wanted.token
        guard !sequence.hasEnded, wanted.isRight else { return }
        if wanted.guess != nil {
            statistics.acceptedDraftTokens += 1
            note(sequence, computed: token + 1)
        }
        let prompt = sequence.request.prompt
        if sequence.request.reportsPrompt, sequence.generated == 0 {
            if token == 0 { sequence.promptReports = [TokenReport(id: prompt[0], logprob: nil, top: [])] }
            if token + 1 < prompt.count {
                sequence.promptReports.append(report(prompt[token + 1], scores: scores, for: sequence))
                return
            }
            sequence.outlet.send(.prompt(sequence.promptReports))
        }
        guard token + 1 == sequence.tokens.count else { return }
        guard sequence.maxTokens > 0 else { return end(sequence) { sequence.finish(.length) } }
        advance(sequence, scores: scores)
    }

    private func advance(_ sequence: ActiveSequence, scores: Span<Float>) {
        let ends = sequence.request.ignoresEnd ? [] : endTokens
        let mask = sequence.request.constraint?.allowedTokens()
        // Without a token that may come the answer is cut off in the middle, whatever it looks like so far.
        if let mask, mask.isEmpty { return end(sequence) { sequence.outlet.finish(.failed(.constraintFailed)) } }
        // A constraint knows itself when the answer may end.
        let waits = mask == nil && sequence.generated < sequence.request.minTokens
        let token = sequence.sampler.choose(scores, mask: mask, forbidden: waits ? endTokens : [])
        let now = ContinuousClock.now
        if let last = sequence.lastToken {
            statistics.interTokenLatency.record(last.duration(to: now).seconds)
        } else {
            statistics.timeToFirstToken.record(sequence.arrival.duration(to: now).seconds)
        }
        sequence.lastToken = now
        if let outcome = sequence.guesses.compare(with: token) {
            chances.note(outcome.wasRight, length: outcome.length)
        }
        statistics.generatedTokens += 1
        let isEnd = ends.contains(token) || sequence.request.stopTokenIDs.contains(token)
        let report = report(token, scores: scores, for: sequence)
        if sequence.accept(token, report: report, isEnd: isEnd) != nil { end(sequence) {} }
    }

    private func end(_ sequence: ActiveSequence, _ last: () -> Void) {
        last()
        sequence.hasEnded = true
        allocator.end(&sequence.lease)
        running.removeAll { $0 === sequence }
        statistics.finished += 1
    }

    private func report(_ token: Int32, scores: Span<Float>, for sequence: ActiveSequence) -> TokenReport {
        guard let count = sequence.request.topLogprobs else { return TokenReport(id: token, logprob: nil, top: []) }
        let total = scores.logSumExp
        return TokenReport(
            id: token, logprob: scores[Int(token)] - total,
            top: scores.largest(count).map { (Int32($0.index), $0.value - total) })
    }
}
