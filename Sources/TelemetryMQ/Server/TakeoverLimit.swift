import TelemetryBase

/// Limits how often a subscriber's id may be taken over: a few times at once, as after broken connections, then once a
/// second.
///
/// Otherwise two clients with one id that both resubscribe when they are superseded would take it from each other as
/// fast as they can.
struct TakeoverLimit: Sendable {
    static let burst = 4
    static let interval = Duration.seconds(1)

    /// For each id: when all of its takeovers are available again. Each of them costs ``interval``.
    private var debts: TextTable<ContinuousClock.Instant> = [:]

    /// Counts a takeover; `nil` if it is allowed, otherwise the time to wait for the next one.
    mutating func take(_ id: String, at now: ContinuousClock.Instant) -> Duration? {
        let paid = max(debts[id] ?? now, now) + Self.interval
        let wait = paid - now - Self.interval * Self.burst
        guard wait <= .zero else { return wait }
        debts[id] = paid
        return nil
    }

    /// Removes the ids that have all of their takeovers available again. Called now and then.
    mutating func forget(at now: ContinuousClock.Instant) {
        guard !debts.isEmpty else { return }
        debts.removeAll { $0 <= now }
    }

    var count: Int { debts.count }
}
