import Mesh
import Testing

@Suite struct SimulatedNetworkTests {
    @Test func `a queue gives events by time, then by coming`() {
        var random = SplitMix64(seed: 1)
        var queue = EventQueue<Int>()
        let times = (0..<1000).map { _ in Int.random(in: 0..<50, using: &random) }
        for (number, time) in times.enumerated() { queue.push(number, at: .seconds(time)) }
        var popped: [Int] = []
        while let next = queue.pop() {
            #expect(next.time == .seconds(times[next.event]))
            popped.append(next.event)
        }
        #expect(popped == times.indices.sorted { (times[$0], $0) < (times[$1], $1) })
    }

    @Test func `pieces of a transfer follow each other at the speed of the slower line`() {
        for (upload, download, seconds) in [(1000.0, 2000.0, 10.0), (2000, 1000, 10.5), (1000, .infinity, 10)] {
            var network = SimulatedNetwork(seed: 1)
            network.delay = .zero ... .zero
            network.limit(0, to: .init(upload: upload))
            network.limit(1, to: .init(download: download))
            let arrivals = (0..<10).flatMap { _ in network.arrivals(from: 0, to: 1, bytes: 1000, at: .zero) }
            #expect(arrivals.count == 10 && arrivals == arrivals.sorted())
            let slack = download.isFinite && download > upload ? 1000 / download : 0
            #expect(abs((arrivals.last?.inSeconds ?? 0) - seconds - slack) < 1e-6)
        }
    }

    @Test func `two senders share a receiver's line, and one sender's line is shared by its receivers`() {
        var network = SimulatedNetwork(seed: 1)
        network.delay = .zero ... .zero
        network.limit(2, to: .init(upload: 1000, download: 1000))
        let towards = [0, 1].flatMap { network.arrivals(from: $0, to: 2, bytes: 1000, at: .zero) }
        #expect(towards == [.seconds(1), .seconds(2)])
        let away = [0, 1].flatMap { network.arrivals(from: 2, to: $0, bytes: 1000, at: .zero) }
        #expect(away == [.seconds(1), .seconds(2)])
    }

    @Test func `cuts hold one way, groups both, and loss and doubles come as often as asked`() {
        var network = SimulatedNetwork(seed: 1)
        network.cuts = [.init(from: 0, to: 1)]
        network.groups = [2: 1]
        #expect(!network.passes(from: 0, to: 1) && network.passes(from: 1, to: 0))
        #expect(!network.passes(from: 0, to: 2) && !network.passes(from: 2, to: 0))
        network.heal()
        network.loss = 0.3
        network.duplication = 0.1
        let counts = (0..<10_000).map { _ in network.arrivals(from: 0, to: 1, bytes: 0, at: .zero).count }
        #expect((2800...3200).contains(counts.count { $0 == 0 }))
        #expect((600...800).contains(counts.count { $0 == 2 }))
    }

    @Test func `a seed decides the whole run`() {
        let runs = (0..<2).map { _ in
            var mesh = SimulatedMesh(8, seed: 7)
            mesh.network.loss = 0.3
            mesh.run(for: .seconds(60))
            return mesh.nodes.map { "\($0.facts.changes) \($0.facts.lastAnswer.sorted { $0.key < $1.key })" }
        }
        #expect(runs[0] == runs[1])
    }
}
