import Checkpoints
import Foundation
import Tensors

/// Rotary position embedding (arXiv:2104.09864) with the stretchings that model configs name.
struct RotaryEmbedding: Sendable {
    /// Radians per position of each pair of a head: `headDim / 2` of them.
    let frequencies: [Float]
    /// What cosines and sines are multiplied with (YaRN's attention factor, else 1).
    let amplitude: Float
    let isInterleaved: Bool

    init(_ config: ModelConfig) {
        let dim = Double(config.headDim)
        let plain = (0..<config.headDim / 2).map { pow(config.ropeTheta, -2 * Double($0) / dim) }
        isInterleaved = config.ropeIsInterleaved
        switch config.ropeScaling {
        case .none:
            frequencies = plain.map { Float($0) }
            amplitude = 1
        case .linear(let factor):
            frequencies = plain.map { Float($0 / factor) }
            amplitude = 1
        case .frequencyFactors(let factors):
            frequencies = zip(plain, factors).map { Float($0 / Double($1)) }
            amplitude = 1
        case .llama3(let factor, let low, let high, let original):
            frequencies = plain.map {
                Float(Self.llama3($0, factor: factor, low: low, high: high, original: Double(original)))
            }
            amplitude = 1
        case .yarn(let factor, let original, let fast, let slow, let attention):
            frequencies = Self.yarn(
                plain, config: config, factor: factor, original: Double(original), fast: fast, slow: slow)
            amplitude = Float(attention ?? (factor > 1 ? 0.1 * log(factor) + 1 : 1))
        }
    }

    /// Llama 3.1's rule, as Hugging Face's `_compute_llama3_parameters` states it: long wavelengths are divided by
    /// `factor`, short ones kept, and those between are blended.
    private static func llama3(_ frequency: Double, factor: Double, low: Double, high: Double, original: Double)
        -> Double
    {
        let wavelength = 2 * Double.pi / frequency
        if wavelength < original / high { return frequency }
        if wavelength > original / low { return frequency / factor }
        let smooth = (original / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
    }

    /// YaRN (arXiv:2309.00071, section 3.2): dimensions that turn more than `fast` times within the original context are
    /// kept, those that turn less than `slow` times are divided by `factor`, with a ramp between.
    private static func yarn(
        _ plain: [Double], config: ModelConfig, factor: Double, original: Double, fast: Double, slow: Double
    ) -> [Float] {
        func dimension(turning times: Double) -> Double {
            Double(config.headDim) * log(original / (times * 2 * .pi)) / (2 * log(config.ropeTheta))
        }
        let first = max(dimension(turning: fast).rounded(.down), 0)
        let last = min(dimension(turning: slow).rounded(.up), Double(config.headDim - 1))
        return plain.enumerated().map { index, frequency in
            let ramp = min(max((Double(index) - first) / max(last - first, 0.001), 0), 1)
            return Float(frequency * (1 - ramp) + frequency / factor * ramp)
        }
    }

    /// The angles of tokens at `positions`.
    func angles(at positions: [Int], on device: any Device) -> RotaryAngles {
        var cosine: [Float] = []
        var sine: [Float] = []
        cosine.reserveCapacity(positions.count * frequencies.count)
        sine.reserveCapacity(positions.count * frequencies.count)
        for position in positions {
            for frequency in frequencies {
                let angle = Float(position) * frequency
                cosine.append(cos(angle) * amplitude)
                sine.append(sin(angle) * amplitude)
            }
        }
        let shape = [positions.count, frequencies.count]
        return RotaryAngles(
            cosine: device.tensor(cosine, shape: shape), sine: device.tensor(sine, shape: shape),
            isInterleaved: isInterleaved)
    }
}
