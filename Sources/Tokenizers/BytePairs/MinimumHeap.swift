/// A binary heap of integers with the smallest on top.
struct MinimumHeap {
    private var items: [UInt64] = []

    /// A heap of `items`, in linear time.
    init(_ items: [UInt64]) {
        self.items = items
        for place in stride(from: items.count / 2 - 1, through: 0, by: -1) { siftDown(from: place) }
    }

    mutating func insert(_ item: UInt64) {
        var place = items.count
        items.append(item)
        while place > 0 {
            let parent = (place - 1) / 2
            guard items[parent] > item else { break }
            items[place] = items[parent]
            place = parent
        }
        items[place] = item
    }

    mutating func removeMinimum() -> UInt64? {
        guard let last = items.popLast() else { return nil }
        guard let minimum = items.first else { return last }
        items[0] = last
        siftDown(from: 0)
        return minimum
    }

    private mutating func siftDown(from start: Int) {
        let item = items[start]
        let count = items.count
        var place = start
        while true {
            var child = 2 * place + 1
            guard child < count else { break }
            if child + 1 < count, items[child + 1] < items[child] { child += 1 }
            guard items[child] < item else { break }
            items[place] = items[child]
            place = child
        }
        items[place] = item
    }
}
