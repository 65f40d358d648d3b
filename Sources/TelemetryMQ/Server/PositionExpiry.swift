/// Decides which stored positions are deleted: those that were not committed, and whose subscriber was not connected,
/// for a time.
///
/// Times are microseconds since 1970; `uptime` is the time since the server was started, independent of the clock.
struct PositionExpiry {
    /// Microseconds; `nil` for never.
    let after: Int64?
    private var lastCheck: Int64?

    init(after: Duration?) {
        self.after = after.map { max(1, $0.wholeMicroseconds) }
    }

    /// The interval at which the use of a connected subscriber's position is written: a position may expire this much
    /// too early after a restart.
    private var step: Int64 { (after ?? .max) / 16 }

    /// Whether to check all positions again: at least once a minute.
    mutating func isDue(uptime: Int64) -> Bool {
        guard after != nil, uptime.subtractingClamped(lastCheck ?? 0) >= min(step, 60_000_000) else { return false }
        lastCheck = uptime
        return true
    }

    func hasExpired(usedAt: Int64, now: Int64, uptime: Int64) -> Bool {
        // After a start subscribers have an hour to return, or a sixteenth of the time.
        guard let after, uptime >= min(step, 3_600_000_000) else { return false }
        // A use in the future was recorded by a clock that was ahead.
        return (usedAt > now ? uptime : now.subtractingClamped(usedAt)) >= after
    }

    /// Whether the use of a connected subscriber's position has to be written again.
    func needsTouch(usedAt: Int64, now: Int64) -> Bool {
        after != nil && (usedAt > now || now.subtractingClamped(usedAt) >= step)
    }
}
