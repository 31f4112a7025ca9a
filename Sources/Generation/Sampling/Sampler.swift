import Foundation
import Tensors

/// Chooses tokens of one sequence. Pure: the same scores, history, seed and step give the same token.
struct Sampler: Sendable {
    let parameters: SamplingParameters
    private let seed: UInt64
    /// Tokens of the prompt, for the repetition penalty.
    private var seen: Set<Int32> = []
    /// Tokens of the answer and how often they occurred.
    private var counts: [Int32: Int] = [:]
    private var step: UInt64 = 0

    init(_ parameters: SamplingParameters, prompt: [Int32]) {
        self.parameters = parameters
        seed = parameters.seed ?? UInt64.random(in: .min ... .max)
        if parameters.repetitionPenalty != 1 { seen = Set(prompt) }
    }

    /// Takes note of a chosen token.
    mutating func accept(_ token: Int32) {
        counts[token, default: 0] += 1
        if parameters.repetitionPenalty != 1 { seen.insert(token) }
        step += 1
    }

    /// The next token out of `scores`, among those of `mask`.
    func choose(_ scores: Span<Float>, mask: TokenMask?, forbidden: Set<Int32>) -> Int32 {
        guard parameters.changesScores || mask != nil || !forbidden.isEmpty else { return pick(from: scores) }
        var changed = [Float](scores)
        adjust(&changed)
        for token in forbidden where Int(token) < changed.count { changed[Int(token)] = -.infinity }
        if let mask {
            for id in changed.indices where !mask[id] { changed[id] = -.infinity }
        }
        return pick(from: changed.span)
    }

    private func pick(from scores: Span<Float>) -> Int32 {
        parameters.temperature > 0 ? draw(from: scores) : Int32(scores.indexOfLargest)
    }

    private func adjust(_ scores: inout [Float]) {
        for token in seen where Int(token) < scores.count {
            let score = scores[Int(token)]
            scores[Int(token)] = score > 0 ? score / parameters.repetitionPenalty : score * parameters.repetitionPenalty
        }
        if parameters.frequencyPenalty != 0 || parameters.presencePenalty != 0 {
            for (token, count) in counts where Int(token) < scores.count {
                scores[Int(token)] -= Float(count) * parameters.frequencyPenalty + parameters.presencePenalty
            }
        }
        for (token, bias) in parameters.logitBias where Int(token) < scores.count { scores[Int(token)] += bias }
    }

    private typealias Candidate = (id: Int32, weight: Float)

    /// Natural logarithm of the smallest probability, relative to the best token's, that is considered at all: all of a
    /// large vocabulary below it weighs a few ten-thousandths.
    private static let negligible: Float = -20

    private func draw(from scores: Span<Float>) -> Int32 {
        let best = scores.indexOfLargest
        let top = scores[best]
        let floor = max(
            top + Self.negligible * parameters.temperature,
            parameters.minP > 0 ? top + log(parameters.minP) * parameters.temperature : -.infinity)
        let factor = 1 / parameters.temperature
        let (weights, total) = scores.weights(
            relativeTo: top, factor: factor, floor: max(floor, -.greatestFiniteMagnitude))
        guard parameters.topK > 0 || parameters.topP < 1 else {
            return Int32(place(of: uniform() * total, in: weights) ?? best)
        }
        let candidates = self.best(of: weights, total: total)
        let sum = candidates.reduce(Float(0)) { $0 + $1.weight }
        return place(of: uniform() * sum, in: candidates.map(\.weight)).map { candidates[$0].id } ?? Int32(best)
    }

    /// Where the sum of the weights so far exceeds `point`; the last that has a weight if rounding leaves none.
    private func place(of point: Float, in weights: [Float]) -> Int? {
        var rest = point
        for (index, weight) in weights.enumerated() {
            rest -= weight
            if rest < 0 { return index }
        }
        return weights.lastIndex { $0 > 0 }
    }

    /// The candidates that top-k and then top-p leave, best first, equal ones in the order of their ids.
    ///
    /// Sorting a whole vocabulary costs more than a small model's step, so only the heaviest are sorted: those above a
    /// threshold that is lowered until it leaves enough.
    private func best(of weights: [Float], total: Float) -> [Candidate] {
        var threshold: Float = 0.01
        while true {
            let takesAll = threshold < 1e-9
            let least = takesAll ? Float.leastNonzeroMagnitude : threshold
            var heaviest: [Candidate] = []
            for (id, weight) in weights.enumerated() where weight >= least { heaviest.append((Int32(id), weight)) }
            heaviest.sort { $0.weight > $1.weight || ($0.weight == $1.weight && $0.id < $1.id) }
            if parameters.topK > 0, takesAll || heaviest.count >= parameters.topK {
                let kept = Array(heaviest.prefix(parameters.topK))
                return nucleus(of: kept, total: kept.reduce(0) { $0 + $1.weight }) ?? kept
            }
            if parameters.topK == 0, let nucleus = nucleus(of: heaviest, total: total) { return nucleus }
            if takesAll { return heaviest }
            threshold /= 10
        }
    }

    /// The first of `sorted` whose weights reach top-p of `total`; `nil` if all don't.
    private func nucleus(of sorted: [Candidate], total: Float) -> [Candidate]? {
        guard parameters.topP < 1 else { return nil }
        let target = parameters.topP * total
        var sum: Float = 0
        for (index, candidate) in sorted.enumerated() {
            sum += candidate.weight
            if sum >= target { return Array(sorted[...index]) }
        }
        return nil
    }

    /// A number in 0..<1 out of seed and step alone: SplitMix64 (Steele, Lea and Flood 2014) at that counter.
    private func uniform() -> Float {
        var z = seed &+ (step &+ 1) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Float(z >> 40) * 0x1p-24
    }
}

extension Span<Float> {
    /// The first of the largest elements; not-a-number counts as the smallest.
    var indexOfLargest: Int {
        var best = 0
        var largest = -Float.infinity
        for index in indices where self[index] > largest {
            largest = self[index]
            best = index
        }
        return best
    }

    /// `log Σ exp(x)`, without overflow.
    var logSumExp: Float {
        guard !isEmpty else { return -.infinity }
        let largest = self[indexOfLargest]
        // What is 87 below the largest adds nothing that a float can hold.
        return largest + log(weights(relativeTo: largest, factor: 1, floor: largest - 87).total)
    }

    /// The `count` largest elements with their places, largest first, of equal ones the first.
    func largest(_ count: Int) -> [(index: Int, value: Float)] {
        var best: [(index: Int, value: Float)] = []
        guard count > 0 else { return best }
        for index in indices where best.count < count || self[index] > best[best.count - 1].value {
            let place = best.firstIndex { $0.value < self[index] } ?? best.count
            best.insert((index, self[index]), at: place)
            if best.count > count { best.removeLast() }
        }
        return best
    }
}

/// The sampler of one step, for tests.
package enum SamplerProbe {
    /// The token that `parameters` choose after `prompt` and `answer`.
    package static func choose(
        _ scores: [Float], _ parameters: SamplingParameters, prompt: [Int32] = [], answer: [Int32] = []
    ) -> Int32 {
        var sampler = Sampler(parameters, prompt: prompt)
        for token in answer { sampler.accept(token) }
        return sampler.choose(scores.span, mask: nil, forbidden: [])
    }
}
