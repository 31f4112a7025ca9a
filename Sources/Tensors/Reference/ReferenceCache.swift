import Foundation
import Synchronization

/// Keys and values as plain floats by place.
final class ReferenceCache: KeyValueCache {
    let shape: CacheShape
    private struct Place: Hashable {
        let layer: Int, head: Int, page: Int32, slot: Int
    }
    private let entries = Mutex<[Place: (key: [Float], value: [Float])]>([:])

    init(_ shape: CacheShape) { self.shape = shape }

    private func place(_ layer: Int, _ head: Int, _ position: Int, _ pages: [Int32]) -> Place {
        Place(
            layer: layer, head: head, page: pages[position / CacheShape.pageTokens],
            slot: position % CacheShape.pageTokens)
    }

    func store(key: [Float], value: [Float], layer: Int, head: Int, position: Int, pages: [Int32]) {
        entries.withLock { $0[place(layer, head, position, pages)] = (key, value) }
    }

    /// `softmax(q · kᵀ / sqrt(d)) · v` over the first `keys` positions.
    func attend(_ query: [Float], layer: Int, head: Int, keys: Int, pages: [Int32]) -> [Float] {
        entries.withLock { entries in
            let seen = (0..<keys).compactMap { entries[place(layer, head, $0, pages)] }
            precondition(seen.count == keys, "all positions up to the token's own must have been stored")
            let scale = 1 / Float(query.count).squareRoot()
            let scores = seen.map { entry in scale * zip(query, entry.key).reduce(0) { $0 + $1.0 * $1.1 } }
            let largest = scores.max() ?? 0
            let weights = scores.map { exp($0 - largest) }
            let total = weights.reduce(0, +)
            var output = [Float](repeating: 0, count: query.count)
            for (weight, entry) in zip(weights, seen) {
                for column in output.indices { output[column] += weight / total * entry.value[column] }
            }
            return output
        }
    }
}
