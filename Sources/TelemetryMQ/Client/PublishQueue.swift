/// Publishes that are not answered yet, in their order: a value that decides what is sent, and what an answer is for.
struct PublishQueue<Waiter> {
    struct Entry {
        /// The request's id.
        var number: Int64
        /// The sequence number of the first payload.
        var sequence: Int64
        var payloads: [[UInt8]]
        var isMany: Bool
        /// `nil` once its caller has been told.
        var waiter: Waiter?
        var isSent = false
        var isDone = false
    }

    /// Unanswered requests on the wire: well below what the server remembers of a producer, so that whatever has to be
    /// sent again after a broken connection is known there.
    let maxSent: Int
    private var entries: [Entry] = []
    /// Entries at the front that are done.
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

    /// Returns the number by which the entry can be cancelled.
    mutating func add(_ payloads: [[UInt8]], isMany: Bool, _ waiter: Waiter) -> Int64 {
        defer {
            nextNumber += 1
            nextSequence += Int64(payloads.count)
        }
        entries.append(Entry(number: nextNumber, sequence: nextSequence, payloads: payloads, isMany: isMany, waiter: waiter))
        return nextNumber
    }

    /// The next entry to send, marked as sent; `nil` for none, or while too many are unanswered.
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

    /// The server has answered: the entry is over. `nil` where the number is of no open request.
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

    /// Takes the waiter away. What is not sent is not sent any more; what is sent keeps its place until its answer comes.
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

    /// The connection broke: what was sent and not answered is sent again, in its order.
    mutating func connectionLost() {
        for index in doneCount..<entries.count { entries[index].isSent = false }
        sentCount = 0
        nextUnsent = doneCount
    }

    /// Empties the queue and returns those who wait.
    mutating func takeAll() -> [Waiter] {
        let waiters = entries.compactMap(\.waiter)
        entries = []
        doneCount = 0
        sentCount = 0
        nextUnsent = 0
        return waiters
    }

    private func index(of number: Int64) -> Int? {
        guard let first = entries.first, number >= first.number, number - first.number < entries.count else { return nil }
        let index = Int(number - first.number)
        return entries[index].isDone ? nil : index
    }

    private mutating func dropDone() {
        while doneCount < entries.count, entries[doneCount].isDone { doneCount += 1 }
        // Not at every answer: shifting the rest costs its length.
        if doneCount == entries.count || doneCount >= 256 {
            entries.removeFirst(doneCount)
            nextUnsent = max(0, nextUnsent - doneCount)
            doneCount = 0
        }
    }
}
