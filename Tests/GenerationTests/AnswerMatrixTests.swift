import Foundation
import Generation
import OrderedJSON
import TestSupport
import Testing

/// The matrix of issue 3: {families} x {streamed, not} x {thinking} x {tool choice} x {schema}.
@Suite struct AnswerMatrixTests {
    @Test(arguments: AnswerScript.all)
    func `the whole answer comes apart as scripted, and no markup leaks`(_ script: AnswerScript) throws {
        let whole = JoinedAnswer.parse([script.text], script.format, script.tools, script.startsInThinking)
        #expect(whole.fault == nil)
        #expect(whole.reasoning == script.reasoning)
        #expect(whole.content == script.content)
        #expect(whole.names == script.calls.map(\.name))
        for (text, call) in zip(whole.arguments, script.calls) {
            #expect(try JSONValue(parsing: text) == call.arguments, "\(text)")
        }
    }

    @Test(arguments: AnswerScript.all)
    func `wherever the text is cut, the joined pieces are the same`(_ script: AnswerScript) {
        func parse(_ pieces: [String]) -> JoinedAnswer {
            JoinedAnswer.parse(pieces, script.format, script.tools, script.startsInThinking)
        }
        let whole = parse([script.text])
        let scalars = script.text.unicodeScalars
        for place in scalars.indices {
            let found = parse([String(scalars[..<place]), String(scalars[place...])])
            #expect(found == whole && found.fault == nil, "cut before \(scalars[place])")
        }
        let single = parse(scalars.map { String($0) })
        #expect(single == whole && single.fault == nil)
        var random = SeededGenerator(seed: runSeed)
        for _ in 0..<20 {
            var pieces: [String] = [""]
            for scalar in scalars {
                if Int.random(in: 0..<5, using: &random) == 0 { pieces.append("") }
                pieces[pieces.count - 1].unicodeScalars.append(scalar)
            }
            #expect(parse(pieces) == whole, "seed \(runSeed)")
        }
    }

    @Test(arguments: AnswerScript.all)
    func `arguments stream as they arrive`(_ script: AnswerScript) throws {
        guard let call = script.calls.first else { return }
        var parser = AnswerParser(format: script.format, tools: script.tools, startsInThinking: script.startsInThinking)
        // By the time the city's name has begun, call and first arguments are out.
        let place = try #require(script.text.range(of: "Paulo"))
        let pieces = JoinedAnswer(parser.append(String(script.text[..<place.upperBound])))
        #expect(pieces.names == [call.name])
        #expect(pieces.arguments[0].contains("Paulo"))
    }

    @Test(arguments: AnswerScript.all)
    func `an answer that breaks off anywhere gives valid arguments and loses no call`(_ script: AnswerScript) throws {
        let scalars = script.text.unicodeScalars
        for place in scalars.indices {
            let found = JoinedAnswer.parse(
                [String(scalars[..<place])], script.format, script.tools, script.startsInThinking)
            #expect(found.fault == nil)
            for text in found.arguments {
                #expect((try? JSONValue(parsing: text))?.object != nil, "\(text) where cut before \(scalars[place])")
            }
        }
    }

    @Test(arguments: AnswerScript.all)
    func `a request's constraint takes its answers byte by byte, and no mutant of them`(_ script: AnswerScript) throws {
        func make() throws -> GrammarConstraint? {
            try AnswerConstraint.make(
                format: script.format, toolChoice: script.choice, tools: script.tools, parallel: true,
                responseFormat: script.responseFormat, thinking: script.thinking,
                vocabulary: ConstraintTestVocabulary.bytes, endTokens: [ConstraintTestVocabulary.bytesEnd],
                cache: Self.cache)
        }
        let isFree = !script.hasSchema && (script.choice == .auto || script.choice == .none)
        guard let constraint = try make() else {
            #expect(isFree)
            return
        }
        #expect(!isFree)
        #expect(ConstraintTestVocabulary.follows(constraint, script.text) == script.text.utf8.count)
        #expect(constraint.isComplete)
        let body = script.text.components(after: "</think>\n\n")
        let head = String(script.text.dropLast(body.count))
        for mutant in Self.mutants(of: body, script) {
            let constraint = try #require(try make())
            let isTaken =
                ConstraintTestVocabulary.follows(constraint, head + mutant) == (head + mutant).utf8.count
                && constraint.isComplete
            #expect(!isTaken, "\(mutant)")
        }
    }

    private static let cache = GrammarCache()

    private static func mutants(of body: String, _ script: AnswerScript) -> [String] {
        var mutants = ["", "Sure! " + body, body + "!", String(body.dropLast()), body + body, " " + body]
        if script.calls.isEmpty {
            mutants += [
                body.replacing("answer", with: "reply"), body.replacing("true", with: "1"),
                body.replacing(",", with: ""),
            ]
        } else {
            mutants += [
                body.replacing("get_weather", with: "get_wether"), body.replacing("city", with: "town"),
                body.replacing("\"C\"", with: "\"K\""), body.replacing("\"unit\"", with: "unit"),
                body.replacing("3", with: "15"), body.replacing("3", with: "\"3\""),
            ]
        }
        return mutants.filter { $0 != body }
    }
}

extension String {
    /// What stands behind the last `mark`; everything if there is none.
    fileprivate func components(after mark: String) -> String {
        let text = Array(utf8)
        let mark = Array(mark.utf8)
        guard text.count >= mark.count else { return self }
        for place in (0...text.count - mark.count).reversed() where text[place...].starts(with: mark) {
            return String(decoding: text[(place + mark.count)...], as: UTF8.self)
        }
        return self
    }
}
