import Foundation
import Mesh
import ModelStore
import Testing

@Suite struct SwarmSimulationTests {
    /// 200 Mbit/s.
    private static let line = 25e6

    private func swarm(_ nodes: Int, chunks: Int, seed: UInt64) -> SimulatedSwarm {
        var swarm = SimulatedSwarm(nodes: nodes, chunks: chunks, seed: seed)
        for node in 0..<nodes { swarm.limit(node, Self.line) }
        return swarm
    }

    private struct Figures {
        /// How long all receivers take against one alone.
        let ratio: Double
        /// What the origin sends over the model's size.
        let egress: Double
        /// How much of what a receiver has it has from the first chunk on without a gap, on average.
        let inOrder: Double
    }

    private func figures(_ nodes: Int, chunks: Int, seed: UInt64) -> Figures {
        var alone = swarm(2, chunks: chunks, seed: seed)
        alone.run(until: .seconds(3600))
        var all = swarm(nodes, chunks: chunks, seed: seed)
        all.run(until: .seconds(3600))
        #expect(all.nodes.allSatisfy { $0.completed != nil }, "seed \(seed)")
        #expect(all.faults.isEmpty, "seed \(seed)")
        #expect(Self.inOrder(alone.nodes[1].arrived) > 0.99, "seed \(seed)")
        let inOrder = all.nodes.dropFirst().map { Self.inOrder($0.arrived) }
        return Figures(
            ratio: all.now / alone.now,
            egress: Double(all.nodes[0].sentBytes) / Double(chunks * SimulatedSwarm.chunkBytes),
            inOrder: inOrder.reduce(0, +) / Double(inOrder.count))
    }

    private static func inOrder(_ arrived: [Int]) -> Double {
        var present: Set<Int> = []
        var first = 0
        var sum = 0.0
        for chunk in arrived {
            present.insert(chunk)
            while present.contains(first) { first += 1 }
            sum += Double(first) / Double(present.count)
        }
        return sum / Double(arrived.count)
    }

    @Test func `seven receivers take hardly longer than one, and the origin sends little more than the model`() {
        var figures: [Figures] = []
        for seed in Seeds.some(4, long: 20) { figures.append(self.figures(8, chunks: 512, seed: seed)) }
        Self.show("8 nodes", figures)
        for figures in figures {
            #expect(figures.ratio <= 1.1)
            #expect(figures.egress <= 1.2)
            #expect(figures.inOrder >= 0.7)
        }
    }

    @Test(.enabled(if: Seeds.isLong, "set HYBRIE_LONG=1")) func `so it is with 64 nodes`() {
        var figures: [Figures] = []
        for seed in Seeds.some(1, long: 50) { figures.append(self.figures(64, chunks: 512, seed: seed)) }
        Self.show("64 nodes", figures)
        for figures in figures {
            #expect(figures.ratio <= 1.25)
            #expect(figures.egress <= 1.2)
        }
    }

    private static func show(_ what: String, _ figures: [Figures]) {
        func summary(_ values: [Double]) -> String {
            let sorted = values.sorted()
            return String(format: "%.3f (%.3f to %.3f)", sorted[sorted.count / 2], sorted[0], sorted[sorted.count - 1])
        }
        guard !figures.isEmpty else { return }
        print(
            "\(what): T(N)/T(1) \(summary(figures.map(\.ratio))), origin's egress \(summary(figures.map(\.egress))), "
                + "in order \(summary(figures.map(\.inOrder)))")
    }

    /// Kills, cuts, partitions, liars, full disks: whatever happens, all honest nodes complete once it is over, and nobody
    /// ever serves a byte that wasn't verified.
    @Test func `under faults every node that stays connected completes`() {
        for seed in Seeds.some(30, long: 1000) {
            var random = SplitMix64(seed: seed)
            var swarm = swarm(8, chunks: 64, seed: seed)
            swarm.network.loss = 0.02
            let liars = Int.random(in: 0...2, using: &random)
            for liar in 0..<liars { swarm.makeLiar(7 - liar) }
            for node in 1...4 where Bool.random(using: &random) { swarm.failWrites(node, 1) }
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let node = Int.random(in: 0...5, using: &random)
                let start = Duration.milliseconds(Int.random(in: 100...3000, using: &random))
                let end = start + .milliseconds(Int.random(in: 100...8000, using: &random))
                switch Int.random(in: 0..<3, using: &random) {
                case 0:
                    swarm.schedule(.action { $0.crash(node) }, in: start)
                    swarm.schedule(.action { $0.restart(node) }, in: end)
                case 1:
                    let other = Int.random(in: 0...5, using: &random)
                    swarm.schedule(.action { $0.network.cuts.insert(.init(from: node, to: other)) }, in: start)
                    swarm.schedule(.action { $0.network.cuts.remove(.init(from: node, to: other)) }, in: end)
                default:
                    let groups = Dictionary(
                        uniqueKeysWithValues: (0..<8).map { ($0, Int.random(in: 0...1, using: &random)) })
                    swarm.schedule(.action { $0.network.groups = groups }, in: start)
                    swarm.schedule(.action { $0.network.groups = [:] }, in: end)
                }
            }
            // What was cut heals and who was killed is back by now.
            swarm.schedule(
                .action { swarm in
                    swarm.network.heal()
                    for node in 0..<8 { swarm.restart(node) }
                }, in: .seconds(20))
            swarm.run(until: .seconds(300))
            let late = swarm.nodes.indices.filter { !swarm.nodes[$0].isLiar && swarm.nodes[$0].completed == nil }
            #expect(late.isEmpty, "HYBRIE_SEED=\(seed): nodes \(late) don't complete")
            #expect(swarm.faults.isEmpty, "HYBRIE_SEED=\(seed): \(swarm.faults)")
        }
    }
}
