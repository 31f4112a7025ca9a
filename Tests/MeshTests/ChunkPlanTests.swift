import Mesh
import ModelStore
import Testing

@Suite struct ChunkPlanTests {
    private static let full = ChunkSet(chunkCount: 100, isFull: true)

    private func plan(_ id: String = "me", seed: UInt64 = 1) -> ChunkPlan {
        var random = SplitMix64(seed: seed)
        return ChunkPlan(ownID: id, have: ChunkSet(chunkCount: 100), random: &random)
    }

    private func set(_ chunks: some Sequence<Int>) -> ChunkSet {
        var set = ChunkSet(chunkCount: 100)
        for chunk in chunks { set.insert(chunk) }
        return set
    }

    private func expect(_ plan: inout ChunkPlan, _ source: String, _ chunk: Int?) {
        let next = plan.next(for: source)
        #expect(next == chunk, "asked of \(source)")
    }

    @Test func `the rarest chunk is asked for first`() {
        var plan = plan()
        plan.update("a", has: set(0..<50))
        plan.update("b", has: set([7] + Array(10..<50)))
        plan.update("c", has: set([8] + Array(10..<50)))
        let rarest = plan.next(for: "a") ?? 99
        #expect(rarest < 10)
        // Of its 41, b shares 40 with others.
        expect(&plan, "b", 7)
    }

    @Test func `a source gets no more than it can send, and no chunk that is asked for elsewhere`() {
        var plan = plan()
        plan.update("a", has: Self.full)
        plan.update("b", has: Self.full)
        var asked: [Int] = []
        for source in ["a", "b"] { while let chunk = plan.next(for: source) { asked.append(chunk) } }
        #expect(asked.count == 2 * ChunkPlan.window)
        #expect(Set(asked).count == asked.count)
    }

    @Test func `receivers of one origin ask it for different chunks`() {
        var asked: [Int] = []
        for id in ["n1", "n2", "n3", "n4"] {
            var plan = plan(id, seed: UInt64(asked.count))
            plan.update("origin", has: Self.full)
            for other in ["n1", "n2", "n3", "n4"] where other != id { plan.update(other, has: set([])) }
            for _ in 0..<20 {
                guard let chunk = plan.next(for: "origin") else { break }
                asked.append(chunk)
                plan.arrived(chunk, from: "origin")
            }
        }
        #expect(asked.count == 80)
        #expect(Set(asked).count == 80, "each node takes its own share first")
    }

    @Test func `what another receiver has is left to it, and the origin spared`() {
        var plan = plan()
        plan.update("origin", has: Self.full)
        plan.update("a", has: set(0..<99))
        for _ in 0..<ChunkPlan.window {
            if let chunk = plan.next(for: "origin") { #expect(chunk == 99) }
        }
        let held = plan.next(for: "a") ?? 99
        #expect(held < 99)
    }

    @Test func `what another receiver has coming is left to it, until nothing else is on its way`() {
        var plan = plan()
        plan.update("origin", has: Self.full)
        plan.update("a", has: set([]), coming: set([4, 5]))
        var asked: [Int] = []
        while asked.count < 98, let chunk = plan.next(for: "origin") {
            asked.append(chunk)
            plan.arrived(chunk, from: "origin")
        }
        #expect(Set(asked) == Set(0..<100).subtracting([4, 5]))
        let first = plan.next(for: "origin")
        #expect(first == 4 || first == 5, "nothing is on its way")
        expect(&plan, "origin", nil)
        #expect(plan.coming == set([first ?? 99]), "what complete sources are asked for is told to others")
    }

    @Test func `who says that all is coming, or holds all but sends nothing, keeps nobody from completing`() {
        for (held, coming) in [([], 0..<100), ([], 0..<4), (Array(0..<99), 0..<0)] as [([Int], Range<Int>)] {
            var plan = plan()
            plan.update("origin", has: Self.full)
            plan.update("mute", has: set(held), coming: set(coming))
            while let chunk = plan.next(for: "mute") { plan.isOverdue(chunk) }
            var rounds = 0
            while !plan.isComplete, rounds < 200, let chunk = plan.next(for: "origin") {
                rounds += 1
                plan.arrived(chunk, from: "origin")
            }
            #expect(plan.isComplete)
            #expect(rounds == 100)
        }
    }

    @Test func `equal chunks come lowest number first`() {
        var plan = plan()
        plan.update("a", has: Self.full)
        for chunk in 0..<100 {
            expect(&plan, "a", chunk)
            plan.arrived(chunk, from: "a")
        }
        var other = self.plan("other")
        other.update("b", has: set([9, 20, 30]))
        expect(&other, "b", 9)
        expect(&other, "b", 20)
    }

    @Test func `who lied is asked no more, and what it had comes from others`() {
        var plan = plan()
        plan.update("liar", has: Self.full)
        guard let chunk = plan.next(for: "liar") else { return #expect(Bool(false), "nothing is asked for") }
        plan.failed(chunk, from: "liar", .lied)
        plan.update("liar", has: Self.full)
        expect(&plan, "liar", nil)
        #expect(plan.liars == ["liar"])
        #expect(!plan.wantsNews(of: "liar"))
        plan.update("honest", has: Self.full)
        let other = plan.next(for: "honest")
        #expect(other != nil)
    }

    @Test func `an overdue chunk may be asked of a second source, not of a third`() {
        var plan = plan()
        plan.update("slow", has: set([3]))
        expect(&plan, "slow", 3)
        plan.update("b", has: set([3]))
        plan.update("c", has: set([3]))
        expect(&plan, "b", nil)
        plan.isOverdue(3)
        expect(&plan, "b", 3)
        expect(&plan, "c", nil)
        let isNew = plan.arrived(3, from: "b")
        let isNewAgain = plan.arrived(3, from: "slow")
        #expect(isNew && !isNewAgain)
    }

    @Test func `a source that fails again and again rests until it is heard of`() {
        var plan = plan()
        plan.update("a", has: Self.full)
        for _ in 0..<3 {
            guard let chunk = plan.next(for: "a") else { break }
            plan.failed(chunk, from: "a", .broken)
        }
        expect(&plan, "a", nil)
        #expect(plan.wantsNews(of: "a"))
        plan.forgive("a")
        let again = plan.next(for: "a")
        #expect(again != nil)
    }

    /// Random nodes come, go, lie, fail and send; whatever happens, the plan completes with what one honest source has.
    @Test(arguments: 0..<30 as Range<UInt64>)
    func `any history ends with all chunks and no chunk asked of whom it doesn't lie with`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var plan = ChunkPlan(ownID: "me", have: ChunkSet(chunkCount: 100), random: &random)
        var possession: [String: ChunkSet] = ["honest": Self.full]
        plan.update("honest", has: Self.full)
        var open: [(chunk: Int, source: String)] = []
        var steps = 0
        while !plan.isComplete {
            steps += 1
            guard steps < 20_000 else { break }
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                let id = "n\(Int.random(in: 0..<6, using: &random))"
                var grown = possession[id] ?? ChunkSet(chunkCount: 100)
                for _ in 0..<10 { grown.insert(Int.random(in: 0..<100, using: &random)) }
                possession[id] = grown
                let coming = (0..<3).map { _ in Int.random(in: 0..<100, using: &random) }
                plan.update(id, has: grown, coming: set(coming))
            case 1:
                let id = "n\(Int.random(in: 0..<6, using: &random))"
                plan.remove(id)
                open.removeAll { $0.source == id }
            case 2 where !open.isEmpty:
                let request = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                let isHonest = request.source == "honest"
                let failure: ChunkPlan.Failure =
                    isHonest ? .broken : [.lied, .refused, .broken].randomElement(using: &random)!
                plan.failed(request.chunk, from: request.source, failure)
                if isHonest { plan.forgive("honest") }
            case 3..<6 where !open.isEmpty:
                let request = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                plan.arrived(request.chunk, from: request.source)
            case 6:
                if let request = open.randomElement(using: &random) { plan.isOverdue(request.chunk) }
            default:
                for id in plan.usableSources {
                    guard let chunk = plan.next(for: id) else { continue }
                    #expect(possession[id]?.contains(chunk) == true, "seed \(seed): \(id) hasn't \(chunk)")
                    open.append((chunk, id))
                }
            }
        }
        #expect(plan.isComplete, "seed \(seed)")
    }
}
