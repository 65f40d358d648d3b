/// Commits that are unacknowledged: a value that decides which log each of them names.
struct CommitQueue<Waiter> {
    struct Entry {
        /// The request's id.
        var number: Int64
        var offset: Int64
        /// The log of the message. It does not change after the commit was sent, so that a commit whose response was
        /// lost never reaches another log.
        var log: LogTag
        var waiter: Waiter
    }

    private var entries: [Entry] = []
    /// 1 is the id of the subscribe request.
    private var lastNumber: Int64 = 1

    var isEmpty: Bool { entries.isEmpty }

    /// - Parameter log: `nil` for the log that the server has when the commit is sent.
    /// Returns the id by which it can be cancelled.
    mutating func add(_ offset: Int64, log: LogTag?, _ waiter: Waiter) -> Int64 {
        lastNumber += 1
        entries.append(Entry(number: lastNumber, offset: offset, log: log ?? .unknown, waiter: waiter))
        return lastNumber
    }

    /// Returns the commit in the form to be sent to a server with that log.
    mutating func stamp(_ number: Int64, with log: LogTag) -> Entry? {
        guard let index = entries.firstIndex(where: { $0.number == number }) else { return nil }
        if !entries[index].log.isKnown { entries[index].log = log }
        return entries[index]
    }

    /// Returns all commits that have to be sent again on a new connection, to a server with that log.
    mutating func stampAll(with log: LogTag) -> [Entry] {
        entries.map(\.number).compactMap { stamp($0, with: log) }
    }

    /// Removes a commit that the server has responded to.
    mutating func finish(_ number: Int64) -> Waiter? {
        guard let index = entries.firstIndex(where: { $0.number == number }) else { return nil }
        return entries.remove(at: index).waiter
    }

    mutating func takeAll() -> [Waiter] {
        defer { entries = [] }
        return entries.map(\.waiter)
    }
}
