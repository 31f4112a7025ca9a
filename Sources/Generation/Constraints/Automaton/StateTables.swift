/// The deterministic states of a grammar, made when they are first needed and kept until memory runs out.
///
/// A state is a set of configurations: a state of the program and the parts that are open around it. Open parts are
/// frames that know the frame below; equal frames are one, as are equal states.
struct StateTables: Sendable {
    struct Frame: Hashable {
        /// The state that called.
        let caller: Int32
        /// Rounds of a repetition that are complete.
        let count: Int32
        let below: Int32
    }

    static let dead: Int32 = -1
    private static let unknown: Int32 = -2
    /// More configurations in one state are more than a schema needs; such a state is dead.
    private static let configurationLimit = 8_192

    let program: GrammarProgram
    private let classCount: Int
    private let longestCount: Int32
    /// Frame 0 is the bottom.
    private(set) var frames: [Frame] = []
    private var frameDepths: [Int32] = []
    private var frameNumbers: [Frame: Int32] = [:]
    /// Configurations of each state, ascending: a state of the program above, a frame below.
    private(set) var configurations: [[UInt64]] = []
    private(set) var isAccepting: [Bool] = []
    private var rows: [Int32] = []
    private var stateNumbers: [[UInt64]: Int32] = [:]
    private var loops: [LoopingBytes?] = []
    var masks: [Int32: TokenMask] = [:]
    /// Memory in use, about.
    private(set) var byteCount = 0
    /// Steps that may still be taken for the current question.
    var budget = 0

    init(program: GrammarProgram) {
        self.program = program
        classCount = program.representatives.count
        longestCount = program.longestCount
        clear()
    }

    /// Forgets everything.
    mutating func clear() {
        frames = [Frame(caller: -1, count: 0, below: -1)]
        frameDepths = [0]
        frameNumbers = [:]
        configurations = []
        isAccepting = []
        rows = []
        stateNumbers = [:]
        loops = []
        masks = [:]
        byteCount = 256
    }

    mutating func addMask(_ mask: TokenMask, of state: Int32) {
        masks[state] = mask
        byteCount += mask.words.count * 8 + 64
    }

    /// The state at the beginning of the grammar.
    mutating func start() -> Int32 { closure(of: [(program.start, 0)]) }

    /// The state that `byte` leads to.
    mutating func next(_ state: Int32, _ byte: UInt8) -> Int32 {
        let place = Int(state) * classCount + Int(program.classes[Int(byte)])
        let known = rows[place]
        if known != Self.unknown { return known }
        let byte = program.representatives[Int(program.classes[Int(byte)])]
        var work: [(Int32, Int32)] = []
        for configuration in configurations[Int(state)] {
            let frame = Int32(truncatingIfNeeded: configuration & 0xFFFF_FFFF)
            for edge in program.edges(of: Int32(configuration >> 32)) where edge.low <= byte && byte <= edge.high {
                work.append((edge.target, frame))
            }
        }
        let next = work.isEmpty ? Self.dead : closure(of: work)
        // What failed for want of steps may succeed later.
        if budget > 0 || next != Self.dead { rows[place] = next }
        return next
    }

    /// The state of `snapshot`, as ``snapshot(of:)`` gave it.
    mutating func restore(_ snapshot: [[Frame]]) -> Int32 {
        var list: [UInt64] = []
        var accepts = false
        for stack in snapshot {
            var below: Int32 = 0
            for frame in stack.dropFirst().reversed() { below = push(frame.caller, frame.count, below) }
            guard let top = stack.first else { continue }
            if top.caller < 0 { accepts = true } else { list.append(Self.pack(top.caller, below)) }
        }
        return number(of: list.sorted(), accepts: accepts)
    }

    /// A state apart from the tables: each configuration as its state and frames, the innermost first; the end as -1.
    func snapshot(of state: Int32) -> [[Frame]] {
        guard state >= 0 else { return [] }
        var result: [[Frame]] = []
        for configuration in configurations[Int(state)] {
            var stack = [Frame(caller: Int32(configuration >> 32), count: 0, below: 0)]
            var frame = Int32(truncatingIfNeeded: configuration & 0xFFFF_FFFF)
            while frame > 0 {
                stack.append(frames[Int(frame)])
                frame = frames[Int(frame)].below
            }
            result.append(stack)
        }
        if isAccepting[Int(state)] { result.append([Frame(caller: -1, count: 0, below: 0)]) }
        return result
    }

    /// A state that the next `bytes` bytes can't tell from this one, the same for as many as possible.
    ///
    /// A repetition completes at most one round per byte; far from its bounds it doesn't matter how many there were.
    mutating func equivalent(_ state: Int32, forBytes bytes: Int32) -> Int32 {
        guard longestCount > bytes else { return state }
        var list: Set<UInt64> = []
        for configuration in configurations[Int(state)] {
            var callers: [Int32] = []
            var frame = Int32(truncatingIfNeeded: configuration & 0xFFFF_FFFF)
            while frame > 0 {
                callers.append(frame)
                frame = frames[Int(frame)].below
            }
            var below: Int32 = 0
            for frame in callers.reversed().map({ frames[Int($0)] }) {
                below = push(frame.caller, roundedCount(of: frame, bytes), below)
            }
            list.insert(Self.pack(Int32(configuration >> 32), below))
        }
        return number(of: list.sorted(), accepts: isAccepting[Int(state)])
    }

    private func roundedCount(of frame: Frame, _ bytes: Int32) -> Int32 {
        guard program.kinds[Int(frame.caller)] == .repetition else { return frame.count }
        let repetition = program.repetitions[Int(program.firsts[Int(frame.caller)])]
        if frame.count < repetition.minimum { return repetition.minimum - frame.count > bytes ? 0 : frame.count }
        return repetition.maximum - frame.count > bytes ? repetition.minimum : frame.count
    }

    /// Bytes and characters that lead from `state` back to itself.
    mutating func looping(_ state: Int32) -> LoopingBytes {
        if let known = loops[Int(state)] { return known }
        let result = LoopingBytes(state, in: &self)
        loops[Int(state)] = result
        return result
    }

    /// Whether ``looping(_:)`` has its answer ready.
    func knowsLoops(of state: Int32) -> Bool { loops[Int(state)] != nil }

    private static func pack(_ state: Int32, _ frame: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: state)) << 32 | UInt64(UInt32(bitPattern: frame))
    }

    private mutating func push(_ caller: Int32, _ count: Int32, _ below: Int32) -> Int32 {
        let frame = Frame(caller: caller, count: count, below: below)
        if let known = frameNumbers[frame] { return known }
        let number = Int32(frames.count)
        frames.append(frame)
        frameDepths.append(frameDepths[Int(below)] + 1)
        frameNumbers[frame] = number
        byteCount += 64
        return number
    }

    /// Follows everything that takes no byte.
    private mutating func closure(of start: [(Int32, Int32)]) -> Int32 {
        var work = start
        var seen: Set<UInt64> = []
        var list: [UInt64] = []
        var accepts = false
        while let (state, frame) = work.popLast() {
            budget -= 1
            guard budget > 0, list.count < Self.configurationLimit else { return Self.dead }
            // A way that can't be ended with the parts that may still be opened isn't taken.
            let depth = program.depths[Int(state)]
            guard depth != GrammarProgram.unreachable, depth + frameDepths[Int(frame)] <= program.openParts else {
                continue
            }
            switch program.kinds[Int(state)] {
            case .bytes:
                let packed = Self.pack(state, frame)
                if seen.insert(packed).inserted { list.append(packed) }
            case .split:
                guard seen.insert(Self.pack(state, frame)).inserted else { continue }
                for target in program.targets(of: state) { work.append((target, frame)) }
            case .call:
                guard seen.insert(Self.pack(state, frame)).inserted else { continue }
                let next = program.seconds[Int(state)]
                let isLast = program.kinds[Int(next)] == .end
                // A part at the very end of another needs no frame of its own.
                work.append((program.firsts[Int(state)], isLast ? frame : push(state, 0, frame)))
            case .repetition:
                guard seen.insert(Self.pack(state, frame)).inserted else { continue }
                let repetition = program.repetitions[Int(program.firsts[Int(state)])]
                if repetition.minimum == 0 { work.append((program.seconds[Int(state)], frame)) }
                work.append((repetition.entry, push(state, 0, frame)))
            case .end:
                guard frame > 0 else {
                    accepts = true
                    continue
                }
                finish(frame, &work)
            }
        }
        list.sort()
        return list.isEmpty && !accepts ? Self.dead : number(of: list, accepts: accepts)
    }

    /// Goes on behind the part that `frame` had opened.
    private mutating func finish(_ frame: Int32, _ work: inout [(Int32, Int32)]) {
        let frame = frames[Int(frame)]
        let next = program.seconds[Int(frame.caller)]
        guard program.kinds[Int(frame.caller)] == .repetition else { return work.append((next, frame.below)) }
        let repetition = program.repetitions[Int(program.firsts[Int(frame.caller)])]
        var count = frame.count + 1
        // Without an upper bound only the lower one needs counting.
        if repetition.maximum < 0 { count = min(count, repetition.minimum) }
        if count >= repetition.minimum { work.append((next, frame.below)) }
        if repetition.maximum < 0 || count < repetition.maximum {
            work.append((repetition.entry, push(frame.caller, count, frame.below)))
        }
    }

    private mutating func number(of list: [UInt64], accepts: Bool) -> Int32 {
        // No configuration is as large as this mark.
        let key = accepts ? list + [.max] : list
        if let known = stateNumbers[key] { return known }
        let number = Int32(configurations.count)
        configurations.append(list)
        isAccepting.append(accepts)
        loops.append(nil)
        rows.append(contentsOf: repeatElement(Self.unknown, count: classCount))
        stateNumbers[key] = number
        byteCount += list.count * 16 + classCount * 4 + 192
        return number
    }
}

/// What leads from a state back to itself: inside a string nearly everything does.
struct LoopingBytes: Sendable {
    private(set) var asciiLow: UInt64 = 0
    private(set) var asciiHigh: UInt64 = 0
    /// Whether all characters beyond ASCII do.
    private(set) var hasOthers = false

    init(_ state: Int32, in tables: inout StateTables) {
        for byte in UInt8(0)..<128 where tables.next(state, byte) == state {
            if byte < 64 { asciiLow |= 1 << UInt64(byte) } else { asciiHigh |= 1 << UInt64(byte - 64) }
        }
        // Well-formed UTF-8 (Unicode 16, table 3-7).
        let ways: [[ClosedRange<UInt8>]] = [
            [0xC2...0xDF, 0x80...0xBF], [0xE0...0xE0, 0xA0...0xBF, 0x80...0xBF],
            [0xE1...0xEC, 0x80...0xBF, 0x80...0xBF], [0xED...0xED, 0x80...0x9F, 0x80...0xBF],
            [0xEE...0xEF, 0x80...0xBF, 0x80...0xBF], [0xF0...0xF0, 0x90...0xBF, 0x80...0xBF, 0x80...0xBF],
            [0xF1...0xF3, 0x80...0xBF, 0x80...0xBF, 0x80...0xBF], [0xF4...0xF4, 0x80...0x8F, 0x80...0xBF, 0x80...0xBF],
        ]
        hasOthers = ways.allSatisfy { way in
            var states: Set<Int32> = [state]
            for range in way {
                var next: Set<Int32> = []
                for state in states { for byte in range { next.insert(tables.next(state, byte)) } }
                guard !next.contains(StateTables.dead) else { return false }
                states = next
            }
            return states == [state]
        }
    }

    /// Whether text of these bytes alone comes back.
    func covers(asciiLow low: UInt64, asciiHigh high: UInt64, others: Bool) -> Bool {
        low & ~asciiLow == 0 && high & ~asciiHigh == 0 && (hasOthers || !others)
    }
}
