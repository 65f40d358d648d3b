import TelemetryBase

/// The groups that are being written at the same time. They may be completed in any order; the position to commit
/// passes a group when it and all groups before it are complete.
struct CollectorWindow: Sendable {
    private struct Group {
        var last: CollectorPosition
        var isDone = false
    }

    private let limit: Int
    /// The groups from the oldest incomplete one on.
    private var groups: [Group] = []
    private var firstNumber = 0

    init(limit: Int) { self.limit = max(1, limit) }

    /// No further group may begin, so that a group that is refused repeatedly stops the reading, not only the position.
    var isFull: Bool { groups.count >= limit }

    /// - Parameter last: The last of the group's messages.
    mutating func begin(last: CollectorPosition) -> Int {
        groups.append(Group(last: last))
        return firstNumber + groups.count - 1
    }

    /// Returns the position up to which everything is now complete; `nil` if that is no further than before.
    mutating func finish(_ number: Int) -> CollectorPosition? {
        groups[number - firstNumber].isDone = true
        let done = groups.prefix(while: \.isDone)
        guard let last = done.last else { return nil }
        firstNumber += done.count
        groups.removeFirst(done.count)
        return last.last
    }
}

/// Decides when writers may try while the store is unavailable: all of them together, so that several do not query it
/// more often than one.
struct CollectorRetries: Sendable {
    private var backoff: Backoff
    private var opensAt: Duration?

    init(_ backoff: Backoff) { self.backoff = backoff }

    /// The wait before an attempt; zero while the store is available.
    func wait(at now: Duration) -> Duration { opensAt.map { max(.zero, $0 - now) } ?? .zero }

    /// Records a failed attempt. Returns the number of consecutive failures, counting concurrent ones as one, and the
    /// wait before the next.
    mutating func fail(at now: Duration, atLeast asked: Duration?) -> (attempt: Int, wait: Duration) {
        if let opensAt, opensAt > now {
            self.opensAt = max(opensAt, now + (asked ?? .zero).boundedWait)
        } else {
            opensAt = now + backoff.next(atLeast: asked)
        }
        return (backoff.attempt, wait(at: now))
    }

    /// Records a successful attempt. Returns the number of failures before it.
    mutating func succeed() -> Int {
        defer {
            backoff.reset()
            opensAt = nil
        }
        return backoff.attempt
    }
}
