/// A regular expression, taken apart.
indirect enum PatternSyntax: Sendable {
    case empty
    case set(ScalarSet)
    case sequence([PatternSyntax])
    case alternatives([PatternSyntax])
    case repeated(PatternSyntax, minimum: Int, maximum: Int?)
    case start
    case end
}

/// Parses the regular subset of ECMAScript's expressions: characters, classes, groups, alternatives, `^`, `$`, and
/// repetition with bounded counts. Lookaround, back-references and word boundaries are refused.
struct PatternParser {
    /// Why a pattern is refused.
    struct Failure: Error {
        let reason: String
    }

    private static let depthLimit = 64

    private let scalars: [UInt32]
    private let repetitionLimit: Int
    private var place = 0
    private var depth = 0

    init(_ pattern: String, repetitionLimit: Int) {
        scalars = pattern.unicodeScalars.map(\.value)
        self.repetitionLimit = repetitionLimit
    }

    mutating func parse() throws(Failure) -> PatternSyntax {
        let syntax = try parseAlternatives()
        guard next == nil else { throw fault("')' without '('") }
        return syntax
    }

    private var next: UInt32? { place < scalars.count ? scalars[place] : nil }

    private func fault(_ reason: String) -> Failure { Failure(reason: "\(reason) at character \(place)") }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == character.value else { return false }
        place += 1
        return true
    }

    private mutating func parseAlternatives() throws(Failure) -> PatternSyntax {
        var alternatives = [try parseSequence()]
        while take("|") { alternatives.append(try parseSequence()) }
        return alternatives.count == 1 ? alternatives[0] : .alternatives(alternatives)
    }

    private mutating func parseSequence() throws(Failure) -> PatternSyntax {
        var parts: [PatternSyntax] = []
        while let scalar = next, scalar != 0x7C, scalar != 0x29 {
            let (atom, isRepeatable) = try parseAtom()
            parts.append(try parseRepetition(of: atom, isRepeatable: isRepeatable))
        }
        return parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func parseAtom() throws(Failure) -> (PatternSyntax, isRepeatable: Bool) {
        guard let scalar = next else { throw fault("the pattern ends early") }
        place += 1
        switch Unicode.Scalar(scalar) {
        case "^": return (.start, false)
        case "$": return (.end, false)
        case ".": return (.set(ScalarSet.lineTerminators.complement), true)
        case "(": return (try parseGroup(), true)
        case "[": return (.set(try parseClass()), true)
        case "\\": return (.set(try parseEscape(inClass: false)), true)
        case "*", "+", "?": throw fault("nothing to repeat")
        case "{" where bounds(at: place) != nil: throw fault("nothing to repeat")
        default: return (.set(ScalarSet(scalar)), true)
        }
    }

    private mutating func parseGroup() throws(Failure) -> PatternSyntax {
        depth += 1
        guard depth <= Self.depthLimit else { throw fault("more than \(Self.depthLimit) groups inside each other") }
        defer { depth -= 1 }
        if take("?"), !take(":") {
            guard take("<"), let scalar = next, scalar != 0x3D, scalar != 0x21 else {
                throw fault("lookaround and flags inside a pattern aren't supported")
            }
            while let scalar = next, ScalarSet.wordCharacters.contains(scalar) { place += 1 }
            guard take(">") else { throw fault("expected '>' behind a group's name") }
        }
        let inner = try parseAlternatives()
        guard take(")") else { throw fault("'(' without ')'") }
        return inner
    }

    private mutating func parseRepetition(
        of atom: PatternSyntax, isRepeatable: Bool
    ) throws(Failure) -> PatternSyntax {
        var minimum = 0
        var maximum: Int?
        switch next.flatMap(Unicode.Scalar.init) {
        case "*": place += 1
        case "+":
            place += 1
            minimum = 1
        case "?":
            place += 1
            maximum = 1
        case "{":
            guard let bounds = bounds(at: place + 1) else { return atom }
            place = bounds.end
            minimum = bounds.minimum
            maximum = bounds.maximum
        default: return atom
        }
        guard isRepeatable else { throw fault("nothing to repeat") }
        guard minimum <= repetitionLimit, maximum ?? 0 <= repetitionLimit else {
            throw fault("a repetition of more than \(repetitionLimit) times")
        }
        guard minimum <= maximum ?? minimum else { throw fault("a repetition whose bounds are the wrong way round") }
        // A lazy quantifier matches the same texts.
        _ = take("?")
        if let scalar = next, [0x2A, 0x2B, 0x3F].contains(scalar) || scalar == 0x7B && bounds(at: place + 1) != nil {
            throw fault("nothing to repeat")
        }
        return .repeated(atom, minimum: minimum, maximum: maximum)
    }

    /// The counts of `{n}`, `{n,}` or `{n,m}` whose first digit is at `start`; anything else is no quantifier.
    private func bounds(at start: Int) -> (minimum: Int, maximum: Int?, end: Int)? {
        var place = start
        func number() -> Int? {
            var value: Int?
            while place < scalars.count, ScalarSet.digits.contains(scalars[place]) {
                value = min(1_000_000_000, (value ?? 0) * 10 + Int(scalars[place] - 0x30))
                place += 1
            }
            return value
        }
        guard let minimum = number(), place < scalars.count else { return nil }
        var maximum: Int? = minimum
        if scalars[place] == 0x2C {
            place += 1
            maximum = number()
        }
        guard place < scalars.count, scalars[place] == 0x7D else { return nil }
        return (minimum, maximum, place + 1)
    }

    private mutating func parseClass() throws(Failure) -> ScalarSet {
        let isNegated = take("^")
        var set: [ClosedRange<UInt32>] = []
        while !take("]") {
            let first = try parseClassMember()
            guard next == 0x2D, place + 1 < scalars.count, scalars[place + 1] != 0x5D else {
                set += first.ranges
                continue
            }
            place += 1
            let last = try parseClassMember()
            guard let low = first.single, let high = last.single, low <= high else {
                throw fault("a range in a class that isn't one")
            }
            set.append(low...high)
        }
        // A range may run across the surrogates, which are no characters.
        let result = ScalarSet(set).intersection(.all)
        return isNegated ? result.complement : result
    }

    private mutating func parseClassMember() throws(Failure) -> ScalarSet {
        guard let scalar = next else { throw fault("'[' without ']'") }
        place += 1
        return scalar == 0x5C ? try parseEscape(inClass: true) : ScalarSet(scalar)
    }

    private mutating func parseEscape(inClass: Bool) throws(Failure) -> ScalarSet {
        guard let scalar = next else { throw fault("the pattern ends behind '\\'") }
        place += 1
        switch Unicode.Scalar(scalar) {
        case "d": return .digits
        case "D": return ScalarSet.digits.complement
        case "w": return .wordCharacters
        case "W": return ScalarSet.wordCharacters.complement
        case "s": return .spaces
        case "S": return ScalarSet.spaces.complement
        case "t": return ScalarSet(0x09)
        case "n": return ScalarSet(0x0A)
        case "v": return ScalarSet(0x0B)
        case "f": return ScalarSet(0x0C)
        case "r": return ScalarSet(0x0D)
        case "0" where !(next.map { ScalarSet.digits.contains($0) } ?? false): return ScalarSet(0)
        case "b" where inClass: return ScalarSet(0x08)
        case "x": return ScalarSet(try parseHexadecimal(2))
        case "u":
            guard take("{") else { return ScalarSet(try parseCodeUnits()) }
            let start = place
            while let scalar = next, scalar != 0x7D, place - start < 7 { place += 1 }
            place = start
            let count = scalars[start...].prefix(7).firstIndex(of: 0x7D).map { $0 - start } ?? 0
            let value = try parseHexadecimal(count)
            guard take("}") else { throw fault("expected '}'") }
            return ScalarSet(value)
        case "p", "P": throw fault("character properties aren't supported; list the characters in a class")
        default:
            guard !ScalarSet.wordCharacters.contains(scalar) else {
                throw fault("back-references, word boundaries and this escape aren't supported")
            }
            return ScalarSet(scalar)
        }
    }

    private mutating func parseCodeUnits() throws(Failure) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 { unit = unit << 4 | (try parseDigit()) }
        if (0xD800...0xDBFF).contains(unit), take("\\"), take("u") {
            var low: UInt32 = 0
            for _ in 0..<4 { low = low << 4 | (try parseDigit()) }
            guard (0xDC00...0xDFFF).contains(low) else { throw fault("half a surrogate pair") }
            return 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
        }
        guard Unicode.Scalar(unit) != nil else { throw fault("half a surrogate pair") }
        return unit
    }

    private mutating func parseHexadecimal(_ digits: Int) throws(Failure) -> UInt32 {
        guard digits > 0 else { throw fault("expected hexadecimal digits") }
        var value: UInt32 = 0
        for _ in 0..<digits { value = value << 4 | (try parseDigit()) }
        guard Unicode.Scalar(value) != nil else { throw fault("no such character") }
        return value
    }

    private mutating func parseDigit() throws(Failure) -> UInt32 {
        guard let scalar = next, scalar < 0x80, let digit = Unicode.Scalar(scalar).map(Character.init)?.hexDigitValue
        else {
            throw fault("expected a hexadecimal digit")
        }
        place += 1
        return UInt32(digit)
    }
}

extension ScalarSet {
    /// The scalar, if it is just one.
    fileprivate var single: UInt32? {
        guard ranges.count == 1, ranges[0].count == 1 else { return nil }
        return ranges[0].lowerBound
    }
}
