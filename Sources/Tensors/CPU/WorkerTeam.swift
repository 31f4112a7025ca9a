import CKernels
import Foundation
import Synchronization

/// Threads that carry out one job together, over and over: a decode step is hundreds of jobs of microseconds each.
///
/// The caller is thread 0. Between jobs the others spin for a moment, then sleep until the next one.
///
/// `@unchecked Sendable`: `job` is written by the caller alone, before `generation` publishes it, and read by workers
/// before `running` tells that they are done.
final class WorkerTeam: @unchecked Sendable {
    let threads: Int
    /// Counts jobs; a change is the call to work. Negative: the team is dissolved.
    private let generation = Atomic<Int>(0)
    /// Workers still busy with the current job.
    private let running = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let wake = NSCondition()
    /// One caller at a time.
    private let turn = NSLock()
    private var job: (@Sendable (Int) -> Void)?

    /// Rounds a worker spins before it sleeps: about two milliseconds.
    private static let spins = 40_000

    init(threads: Int) {
        self.threads = max(1, threads)
        for index in 1..<self.threads {
            let thread = Thread { [self] in work(as: index) }
            thread.name = "hybrie-worker-\(index)"
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Ends the workers; the team can't be used afterwards. (They hold the team, so it can't end by itself.)
    func dissolve() {
        turn.lock()
        generation.store(-1, ordering: .sequentiallyConsistent)
        wake.lock()
        wake.broadcast()
        wake.unlock()
        turn.unlock()
    }

    /// Calls `body` once on every thread with its index and returns when all are done.
    func run(_ body: (Int) -> Void) {
        guard threads > 1 else { return body(0) }
        turn.lock()
        defer { turn.unlock() }
        withoutActuallyEscaping(body) { body in
            let shared = Shared(body: body)
            job = { shared.body($0) }
            running.store(threads - 1, ordering: .relaxed)
            generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
            if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
                wake.lock()
                wake.broadcast()
                wake.unlock()
            }
            body(0)
            var spins = 0
            while running.load(ordering: .acquiring) > 0 {
                hk_pause()
                spins += 1
                // A worker may have been put aside by the system in favour of another program.
                if spins > Self.spins { sched_yield() }
            }
            job = nil
        }
    }

    /// `@unchecked Sendable`: `run` returns only when every thread is done with the closure.
    private struct Shared: @unchecked Sendable { let body: (Int) -> Void }

    private func work(as index: Int) {
        var seen = 0
        while true {
            var now = generation.load(ordering: .acquiring)
            var spins = 0
            while now == seen {
                hk_pause()
                spins += 1
                if spins > Self.spins { sleep(until: seen) }
                now = generation.load(ordering: .acquiring)
            }
            guard now >= 0 else { return }
            seen = now
            job?(index)
            running.wrappingSubtract(1, ordering: .releasing)
        }
    }

    private func sleep(until seen: Int) {
        sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        wake.lock()
        while generation.load(ordering: .sequentiallyConsistent) == seen { wake.wait() }
        wake.unlock()
        sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    }
}

extension WorkerTeam {
    /// Shares out `0..<count` in pieces of `piece`: whoever is free takes the next.
    func share(_ count: Int, piece: Int, _ body: (Range<Int>, _ thread: Int) -> Void) {
        guard count > piece, threads > 1 else {
            if count > 0 { body(0..<count, 0) }
            return
        }
        let next = Atomic<Int>(0)
        run { thread in
            while true {
                let start = next.wrappingAdd(piece, ordering: .relaxed).oldValue
                guard start < count else { return }
                body(start..<min(start + piece, count), thread)
            }
        }
    }
}
