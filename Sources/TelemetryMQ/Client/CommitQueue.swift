/// Commits that are not answered yet: a value that decides which log each of them names.
struct CommitQueue<Waiter> {
    struct Entry {
        /// The request's id.
        var number: Int64
        var offset: Int64
        /// The log of the message. Once the commit was sent it stays, so that one whose answer was lost never lands in
        /// another log.
        var log: LogTag
        var waiter: Waiter
    }

    private var entries: [Entry] = []
    /// 1 is the number of the subscribe request.
    private var lastNumber: Int64 = 1

    var isEmpty: Bool { entries.isEmpty }

    /// - Parameter log: `nil`: the one that the server has when the commit is sent.
    /// Returns the number by which it can be cancelled.
    mutating func add(_ offset: Int64, log: LogTag?, _ waiter: Waiter) -> Int64 {
        lastNumber += 1
        entries.append(Entry(number: lastNumber, offset: offset, log: log ?? .unknown, waiter: waiter))
        return lastNumber
    }

    /// The commit as it is to be sent to a server with that log.
    mutating func stamp(_ number: Int64, with log: LogTag) -> Entry? {
        guard let index = entries.firstIndex(where: { $0.number == number }) else { return nil }
        if !entries[index].log.isKnown { entries[index].log = log }
        return entries[index]
    }

    /// All that are to be sent again on a new connection, to a server with that log.
    mutating func stampAll(with log: LogTag) -> [Entry] {
        entries.map(\.number).compactMap { stamp($0, with: log) }
    }

    /// The server has answered.
    mutating func finish(_ number: Int64) -> Waiter? {
        guard let index = entries.firstIndex(where: { $0.number == number }) else { return nil }
        return entries.remove(at: index).waiter
    }

    mutating func takeAll() -> [Waiter] {
        defer { entries = [] }
        return entries.map(\.waiter)
    }
}
