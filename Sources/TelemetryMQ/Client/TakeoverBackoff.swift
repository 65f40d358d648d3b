import TelemetryNet

/// How long a subscription waits whose id was taken over from this client a moment ago: two clients that both subscribe
/// again at once would else take it from each other without pause.
struct TakeoverBackoff: Sendable {
    private struct Contest {
        var backoff: Backoff
        var opensAt: ContinuousClock.Instant
        /// After that the id counts as uncontested.
        var endsAt: ContinuousClock.Instant
    }

    private let backoff: Backoff
    /// How long a subscription must have kept its id for the waits to begin anew.
    private let calm: Duration
    private var contests: TextTable<Contest> = [:]

    init(_ backoff: Backoff) {
        self.backoff = backoff
        calm = backoff.longest.boundedWait * 2
    }

    /// Another subscriber has taken the id.
    mutating func lost(_ id: String, at now: ContinuousClock.Instant) {
        contests.removeAll { $0.endsAt <= now }
        var contest = contests[id] ?? Contest(backoff: backoff, opensAt: now, endsAt: now)
        contest.opensAt = now + contest.backoff.next()
        contest.endsAt = contest.opensAt + calm
        contests[id] = contest
    }

    /// How long a new subscription with that id waits; zero for most.
    func delay(_ id: String, at now: ContinuousClock.Instant) -> Duration {
        contests[id].map { max(.zero, $0.opensAt - now) } ?? .zero
    }

    var contestedIDs: Int { contests.count }
}
