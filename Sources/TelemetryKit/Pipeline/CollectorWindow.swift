import TelemetryNet

/// The groups that are being written at one time. They may be done in any order; the position that is committed passes a group
/// when it and all before it are.
struct CollectorWindow: Sendable {
    private struct Group {
        var last: CollectorPosition
        var isDone = false
    }

    private let limit: Int
    /// From the oldest that is not done on.
    private var groups: [Group] = []
    private var firstNumber = 0

    init(limit: Int) { self.limit = max(1, limit) }

    /// No further group may begin: so a group that is refused again and again holds up the reading, not only the position.
    var isFull: Bool { groups.count >= limit }

    /// - Parameter last: of the group's messages.
    mutating func begin(last: CollectorPosition) -> Int {
        groups.append(Group(last: last))
        return firstNumber + groups.count - 1
    }

    /// Returns the position up to which all is done now; `nil` if that is no further than before.
    mutating func finish(_ number: Int) -> CollectorPosition? {
        groups[number - firstNumber].isDone = true
        let done = groups.prefix(while: \.isDone)
        guard let last = done.last else { return nil }
        firstNumber += done.count
        groups.removeFirst(done.count)
        return last.last
    }
}

/// When writers may try, while the store is away: all of them together, so that several do not ask it more often than one.
struct CollectorRetries: Sendable {
    private var backoff: Backoff
    private var opensAt: Duration?

    init(_ backoff: Backoff) { self.backoff = backoff }

    /// How long to wait before a try; zero while the store is there.
    func wait(at now: Duration) -> Duration { opensAt.map { max(.zero, $0 - now) } ?? .zero }

    /// A try failed. Returns how many did in a row, those under way at one time as one, and how long the next is away.
    mutating func fail(at now: Duration, atLeast asked: Duration?) -> (attempt: Int, wait: Duration) {
        if let opensAt, opensAt > now {
            self.opensAt = max(opensAt, now + (asked ?? .zero).boundedWait)
        } else {
            opensAt = now + backoff.next(atLeast: asked)
        }
        return (backoff.attempt, wait(at: now))
    }

    /// A try succeeded. Returns how many failed before.
    mutating func succeed() -> Int {
        defer {
            backoff.reset()
            opensAt = nil
        }
        return backoff.attempt
    }
}
