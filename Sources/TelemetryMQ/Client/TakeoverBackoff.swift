import TelemetryBase

/// The wait of a subscription whose id was recently taken over from this client: otherwise, two clients that both
/// resubscribe at once would take it from each other without pause.
struct TakeoverBackoff: Sendable {
    private struct Contest {
        var backoff: Backoff
        var opensAt: ContinuousClock.Instant
        /// The time after which the id counts as uncontested.
        var endsAt: ContinuousClock.Instant
    }

    private let backoff: Backoff
    /// The time that a subscription must have kept its id for the waits to start again from the first.
    private let calm: Duration
    private var contests: TextTable<Contest> = [:]

    init(_ backoff: Backoff) {
        self.backoff = backoff
        calm = backoff.longest.boundedWait * 2
    }

    /// Another subscriber has taken over the id.
    mutating func lost(_ id: String, at now: ContinuousClock.Instant) {
        contests.removeAll { $0.endsAt <= now }
        var contest = contests[id] ?? Contest(backoff: backoff, opensAt: now, endsAt: now)
        contest.opensAt = now + contest.backoff.next()
        contest.endsAt = contest.opensAt + calm
        contests[id] = contest
    }

    /// The wait of a new subscription with that id; usually zero.
    func delay(_ id: String, at now: ContinuousClock.Instant) -> Duration {
        contests[id].map { max(.zero, $0.opensAt - now) } ?? .zero
    }

    var contestedIDs: Int { contests.count }
}
