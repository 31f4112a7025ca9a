/// Events in the order of their time; those of the same time in the order of their coming.
struct EventQueue<Event> {
    private struct Entry {
        let time: Duration
        let number: Int
        let event: Event
    }

    /// A binary heap: no entry is later than its two children at `2i + 1` and `2i + 2`.
    private var heap: [Entry] = []
    private var pushed = 0

    var isEmpty: Bool { heap.isEmpty }
    /// The time of the next event.
    var nextTime: Duration? { heap.first?.time }

    private static func precedes(_ a: Entry, _ b: Entry) -> Bool {
        a.time < b.time || a.time == b.time && a.number < b.number
    }

    mutating func push(_ event: Event, at time: Duration) {
        heap.append(Entry(time: time, number: pushed, event: event))
        pushed += 1
        var child = heap.count - 1
        while child > 0, Self.precedes(heap[child], heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> (time: Duration, event: Event)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                    if Self.precedes(heap[child], heap[least]) { least = child }
                }
                if least == parent { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return (first.time, first.event)
    }
}
