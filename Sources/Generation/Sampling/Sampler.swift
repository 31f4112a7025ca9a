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
        guard parameters.changesScores || mask != nil || !forbidden.isEmpty || parameters.temperature > 0 else {
            return Int32(scores.indexOfLargest)
        }
        var scores = [Float](scores)
        adjust(&scores)
        for token in forbidden where Int(token) < scores.count { scores[Int(token)] = -.infinity }
        if let mask {
            for id in scores.indices where !mask[id] { scores[id] = -.infinity }
        }
        if parameters.temperature <= 0 { return Int32(scores.span.indexOfLargest) }
        return draw(from: scores)
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

    /// Natural logarithm of the smallest probability, relative to the best token's, that is considered at all: all tokens
    /// below it together weigh less than the rounding of a float.
    private static let negligible: Float = -30

    private func draw(from scores: [Float]) -> Int32 {
        let best = scores.span.indexOfLargest
        let floor = max(
            scores[best] + Self.negligible * parameters.temperature,
            parameters.minP > 0 ? scores[best] + log(parameters.minP) * parameters.temperature : -.infinity)
        var candidates: [(id: Int32, weight: Float)] = []
        for (id, score) in scores.enumerated() where score >= floor && score > -.infinity {
            candidates.append((Int32(id), exp((score - scores[best]) / parameters.temperature)))
        }
        guard !candidates.isEmpty else { return Int32(best) }
        // Equal weights in the order of their ids, so that the order is one and the same everywhere.
        candidates.sort { $0.weight > $1.weight || ($0.weight == $1.weight && $0.id < $1.id) }
        if parameters.topK > 0 { candidates = Array(candidates.prefix(parameters.topK)) }
        if parameters.topP < 1 {
            let total = candidates.reduce(Float(0)) { $0 + $1.weight }
            var sum: Float = 0
            let count = candidates.firstIndex {
                sum += $0.weight
                return sum >= parameters.topP * total
            }
            candidates = Array(candidates.prefix((count ?? candidates.count - 1) + 1))
        }
        let total = candidates.reduce(Float(0)) { $0 + $1.weight }
        var rest = uniform() * total
        for candidate in candidates {
            rest -= candidate.weight
            if rest < 0 { return candidate.id }
        }
        return candidates[candidates.count - 1].id
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
        var sum: Float = 0
        for index in indices { sum += exp(self[index] - largest) }
        return largest + log(sum)
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
