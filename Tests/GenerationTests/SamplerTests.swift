import Foundation
import Generation
import Testing

@Suite struct SamplerTests {
    private static let scores: [Float] = [1, 3, 2, -1, 2.5, 0, -.infinity, 1.5]

    private func share(_ change: (inout SamplingParameters) -> Void, draws: Int = 20_000) -> [Int32: Double] {
        var counts: [Int32: Int] = [:]
        for seed in 0..<draws {
            var parameters = SamplingParameters()
            parameters.seed = UInt64(seed)
            change(&parameters)
            counts[SamplerProbe.choose(Self.scores, parameters), default: 0] += 1
        }
        return counts.mapValues { Double($0) / Double(draws) }
    }

    private func softmax(_ temperature: Double, over ids: [Int32]) -> [Int32: Double] {
        let weights = ids.map { exp(Double(Self.scores[Int($0)]) / temperature) }
        return Dictionary(uniqueKeysWithValues: zip(ids, weights.map { $0 / weights.reduce(0, +) }))
    }

    /// Four deviations of a share of 20,000 draws are at most 0.015.
    private func expectNear(_ found: [Int32: Double], _ expected: [Int32: Double]) {
        #expect(Set(found.keys).isSubset(of: expected.keys))
        for (id, share) in expected { #expect(abs((found[id] ?? 0) - share) < 0.015, "token \(id)") }
    }

    @Test func `temperature draws from the softmax`() {
        expectNear(share { $0.temperature = 1 }, softmax(1, over: [0, 1, 2, 3, 4, 5, 7]))
        expectNear(share { $0.temperature = 0.5 }, softmax(0.5, over: [0, 1, 2, 3, 4, 5, 7]))
    }

    @Test func `top-k, top-p and min-p cut the tail`() {
        expectNear(share { $0.topK = 3 }, softmax(1, over: [1, 4, 2]))
        // The best two reach 0.61 of the whole.
        expectNear(share { $0.topP = 0.6 }, softmax(1, over: [1, 4]))
        // Half of the best one's probability: scores from 3 - ln 2 on.
        expectNear(share { $0.minP = 0.5 }, softmax(1, over: [1, 4]))
        expectNear(share { $0.topK = 1 }, [1: 1])
    }

    @Test func `zero temperature takes the best, of equal ones the first`() {
        var parameters = SamplingParameters()
        parameters.temperature = 0
        #expect(SamplerProbe.choose([0, 5, 5, 1], parameters) == 1)
        #expect(SamplerProbe.choose([.nan, -3, -2], parameters) == 2)
    }

    @Test func `penalties and bias change the order`() {
        var parameters = SamplingParameters()
        parameters.temperature = 0
        parameters.repetitionPenalty = 2
        #expect(SamplerProbe.choose([3, 2, -1], parameters, prompt: [0]) == 1)
        parameters.repetitionPenalty = 1
        parameters.presencePenalty = 1.5
        #expect(SamplerProbe.choose([3, 2, -1], parameters, answer: [0]) == 1)
        #expect(SamplerProbe.choose([3, 2, -1], parameters, prompt: [0]) == 0)
        parameters.presencePenalty = 0
        parameters.frequencyPenalty = 0.6
        #expect(SamplerProbe.choose([3, 2, -1], parameters, answer: [0]) == 0)
        #expect(SamplerProbe.choose([3, 2, -1], parameters, answer: [0, 0]) == 1)
        parameters.logitBias = [2: 50]
        #expect(SamplerProbe.choose([3, 2, -1], parameters) == 2)
    }

    @Test func `a large vocabulary is cut as if it were sorted whole`() {
        var random = Numbers(state: 9)
        let scores = (0..<50_000).map { _ in Float(random.next() % 10_000) / 600 }
        for seed in 0..<50 {
            var parameters = SamplingParameters()
            parameters.seed = UInt64(seed)
            parameters.topP = 0.9
            let token = SamplerProbe.choose(scores, parameters)
            let sorted = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
            let total = scores.reduce(0.0) { $0 + exp(Double($1)) }
            var sum = 0.0
            var nucleus: Set<Int> = []
            for id in sorted where sum < 0.9001 * total {
                nucleus.insert(id)
                sum += exp(Double(scores[id]))
            }
            #expect(nucleus.contains(Int(token)))
        }
    }

    private struct Numbers {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
    }
}
