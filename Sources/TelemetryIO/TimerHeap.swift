import TelemetryBase

/// Work ordered by deadline: a binary heap that drops cancelled entries when they reach the top.
struct TimerHeap {
    private struct Entry {
        var deadline: ContinuousClock.Instant
        var id: UInt64
    }

    private var heap: [Entry] = []
    private var work: [UInt64: () -> Void] = [:]
    private var lastID: UInt64 = 0

    mutating func insert(at deadline: ContinuousClock.Instant, _ body: @escaping () -> Void) -> UInt64 {
        lastID += 1
        work[lastID] = body
        heap.append(Entry(deadline: deadline, id: lastID))
        siftUp(heap.count - 1)
        return lastID
    }

    mutating func remove(_ id: UInt64) {
        work[id] = nil
        // Many cancelled timers with far deadlines (one per request, say) must not pile up.
        guard heap.count > 64, heap.count > work.count * 2 else { return }
        heap = heap.filter { work[$0.id] != nil }.sorted(by: precedes)
    }

    var nextDeadline: ContinuousClock.Instant? { heap.first?.deadline }

    mutating func popDue(_ now: ContinuousClock.Instant) -> (() -> Void)? {
        while let first = heap.first, first.deadline <= now {
            let last = heap.removeLast()
            if !heap.isEmpty {
                heap[0] = last
                siftDown(0)
            }
            if let body = work.removeValue(forKey: first.id) { return body }
        }
        return nil
    }

    /// Ordered by deadline, then by insertion.
    private func precedes(_ a: Entry, _ b: Entry) -> Bool {
        a.deadline != b.deadline ? a.deadline < b.deadline : a.id < b.id
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(heap[child], heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && precedes(heap[child], heap[least])
            {
                least = child
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
