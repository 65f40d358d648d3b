/// Publishes that are unacknowledged, in order: a value that decides what to send, and which publish a response is for.
struct PublishQueue<Waiter> {
    struct Entry {
        /// The request's id.
        var number: Int64
        /// The sequence number of the first payload.
        var sequence: Int64
        var payloads: [[UInt8]]
        var isMany: Bool
        /// The waiting caller; `nil` once it has its result.
        var waiter: Waiter?
        var isSent = false
        var isDone = false
    }

    /// The maximum number of unacknowledged requests in flight: well below what the server remembers per producer, so
    /// that it recognises everything that has to be sent again after a broken connection.
    let maxSent: Int
    private var entries: [Entry] = []
    /// The number of completed entries at the front.
    private var doneCount = 0
    private var sentCount = 0
    private var nextNumber: Int64 = 1
    private var nextSequence: Int64 = 1
    /// The first entry that may be unsent.
    private var nextUnsent = 0

    init(maxSent: Int) {
        self.maxSent = maxSent
    }

    var isEmpty: Bool { entries.count == doneCount }

    /// Returns the id by which the entry can be cancelled.
    mutating func add(_ payloads: [[UInt8]], isMany: Bool, _ waiter: Waiter) -> Int64 {
        defer {
            nextNumber += 1
            nextSequence += Int64(payloads.count)
        }
        entries.append(
            Entry(number: nextNumber, sequence: nextSequence, payloads: payloads, isMany: isMany, waiter: waiter))
        return nextNumber
    }

    /// Returns the next entry to send, marked as sent; `nil` if there is none, or while too many are unacknowledged.
    mutating func takeUnsent() -> Entry? {
        while nextUnsent < entries.count, sentCount < maxSent {
            let index = nextUnsent
            nextUnsent += 1
            guard !entries[index].isDone, !entries[index].isSent else { continue }
            entries[index].isSent = true
            sentCount += 1
            return entries[index]
        }
        return nil
    }

    /// Completes an entry after the server's response. `nil` if the id is not that of an open request.
    mutating func finish(_ number: Int64) -> Entry? {
        guard let index = index(of: number), entries[index].isSent else { return nil }
        let entry = entries[index]
        entries[index].isDone = true
        entries[index].payloads = []
        entries[index].waiter = nil
        sentCount -= 1
        dropDone()
        return entry
    }

    /// Removes the waiter. An unsent entry is not sent any more; a sent one stays in the queue until its response
    /// arrives.
    mutating func cancel(_ number: Int64) -> Waiter? {
        guard let index = index(of: number) else { return nil }
        let waiter = entries[index].waiter
        entries[index].waiter = nil
        if !entries[index].isSent {
            entries[index].isDone = true
            entries[index].payloads = []
            dropDone()
        }
        return waiter
    }

    /// The connection broke: entries that were sent and are unacknowledged are sent again, in order.
    mutating func connectionLost() {
        for index in doneCount..<entries.count { entries[index].isSent = false }
        sentCount = 0
        nextUnsent = doneCount
    }

    /// Empties the queue and returns the waiters.
    mutating func takeAll() -> [Waiter] {
        let waiters = entries.compactMap(\.waiter)
        entries = []
        doneCount = 0
        sentCount = 0
        nextUnsent = 0
        return waiters
    }

    private func index(of number: Int64) -> Int? {
        guard let first = entries.first, number >= first.number, number - first.number < entries.count else {
            return nil
        }
        let index = Int(number - first.number)
        return entries[index].isDone ? nil : index
    }

    private mutating func dropDone() {
        while doneCount < entries.count, entries[doneCount].isDone { doneCount += 1 }
        // Not at every response: shifting the rest costs time proportional to its length.
        if doneCount == entries.count || doneCount >= 256 {
            entries.removeFirst(doneCount)
            nextUnsent = max(0, nextUnsent - doneCount)
            doneCount = 0
        }
    }
}
