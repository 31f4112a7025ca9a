import CKernels
import Foundation
import Synchronization

/// Threads that share out one job after another: a decode step is hundreds of jobs of microseconds each.
///
/// The caller takes part. Workers join a job while it is open; one that the system has put aside is not waited for unless
/// it has joined, so another busy program slows the team down but doesn't stop it. Between jobs workers spin for a
/// moment, then sleep.
///
/// `@unchecked Sendable`: `job` is written by the caller alone, before `state` opens the job, and read only by workers
/// that have joined, for all of whom the caller waits before it goes on.
final class WorkerTeam: @unchecked Sendable {
    let threads: Int
    /// The job's number in the upper bits, whether it is open in ``open``, and how many workers have joined below.
    private let state = Atomic<UInt64>(0)
    private let sleepers = Atomic<Int>(0)
    private let isDissolved = Atomic<Bool>(false)
    /// Where memory will be read after this job; 0: unknown.
    private let ahead = Atomic<UInt>(0)
    private let wake = NSCondition()
    /// One caller at a time.
    private let turn = NSLock()
    private var job: (@Sendable (Int) -> Void)?

    private static let open: UInt64 = 1 << 16
    private static let next: UInt64 = 1 << 17
    private static let joined: UInt64 = open - 1
    /// Bytes that a worker with nothing else to do fetches of what is read next: a part of its second-level cache.
    private static let aheadBytes: UInt = 256 << 10
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
        isDissolved.store(true, ordering: .sequentiallyConsistent)
        state.wrappingAdd(Self.next, ordering: .sequentiallyConsistent)
        ringBell()
        turn.unlock()
    }

    /// Shares out `0..<count` in pieces of `piece`: whoever is free takes the next. Returns when all are done.
    func share(_ count: Int, piece: Int, _ body: (Range<Int>, _ thread: Int) -> Void) {
        guard count > piece, threads > 1 else {
            if count > 0 { body(0..<count, 0) }
            return
        }
        let taken = Atomic<Int>(0)
        run { thread in
            while true {
                let start = taken.wrappingAdd(piece, ordering: .relaxed).oldValue
                guard start < count else { return }
                body(start..<min(start + piece, count), thread)
            }
        }
    }

    /// Tells where the job after the next one will read: between jobs the caller computes alone, and memory would stand idle.
    func willRead(at address: UInt) { ahead.store(address, ordering: .relaxed) }

    private func fetchAhead(since job: UInt64) {
        let start = ahead.exchange(0, ordering: .relaxed)
        guard start > 0 else { return }
        for at in stride(from: start, to: start + Self.aheadBytes, by: 4096) {
            guard state.load(ordering: .relaxed) / Self.next == job else { return }
            hk_fetch_ahead(at)
        }
    }

    /// Calls `body` on the caller's thread and on every worker that comes while the caller is at it.
    private func run(_ body: (Int) -> Void) {
        turn.lock()
        defer { turn.unlock() }
        withoutActuallyEscaping(body) { body in
            let shared = Shared(body: body)
            job = { shared.body($0) }
            state.wrappingAdd(Self.next | Self.open, ordering: .sequentiallyConsistent)
            if sleepers.load(ordering: .sequentiallyConsistent) > 0 { ringBell() }
            body(0)
            // Closed: nobody joins any more. Those who have are at their last pieces.
            var now = state.wrappingSubtract(Self.open, ordering: .acquiringAndReleasing).newValue
            var spins = 0
            while now & Self.joined > 0 {
                hk_pause()
                spins += 1
                if spins > Self.spins { sched_yield() }
                now = state.load(ordering: .acquiring)
            }
            job = nil
        }
    }

    /// `@unchecked Sendable`: `run` returns only when every thread is done with the closure.
    private struct Shared: @unchecked Sendable { let body: (Int) -> Void }

    private func ringBell() {
        wake.lock()
        wake.broadcast()
        wake.unlock()
    }

    private func work(as index: Int) {
        var seen: UInt64 = 0
        while true {
            var spins = 0
            var now = state.load(ordering: .acquiring)
            while now / Self.next == seen {
                hk_pause()
                spins += 1
                if spins > Self.spins { sleep(until: seen) }
                now = state.load(ordering: .acquiring)
            }
            guard !isDissolved.load(ordering: .relaxed) else { return }
            seen = now / Self.next
            while now / Self.next == seen, now & Self.open != 0 {
                let (exchanged, original) = state.compareExchange(
                    expected: now, desired: now + 1, ordering: .acquiringAndReleasing)
                if exchanged {
                    job?(index)
                    state.wrappingSubtract(1, ordering: .releasing)
                    fetchAhead(since: seen)
                    break
                }
                now = original
            }
        }
    }

    private func sleep(until seen: UInt64) {
        sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        wake.lock()
        while state.load(ordering: .sequentiallyConsistent) / Self.next == seen { wake.wait() }
        wake.unlock()
        sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    }
}
