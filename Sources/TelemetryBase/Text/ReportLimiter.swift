/// Decides which of many equal reports are logged: a few at once, then one per interval, with the number of reports
/// omitted since the last.
package struct ReportLimiter: Sendable {
    /// The number of reports that are let through at once.
    package let burst: Int
    /// Each interval without a report adds one more, up to ``burst``.
    package let interval: Duration
    private var tokens: Int
    private var refilled: ContinuousClock.Instant?
    /// The number of reports omitted since the last one that was let through.
    package private(set) var suppressed = 0

    package init(burst: Int = 1, interval: Duration) {
        self.burst = burst
        self.interval = interval
        tokens = burst
    }

    /// Returns the number of reports omitted before this one; `nil` if this one is omitted.
    package mutating func admit(at now: ContinuousClock.Instant = .now) -> Int? {
        let last = refilled ?? now
        let gained = Int(max(0, (now - last) / interval))
        tokens = min(burst, tokens + min(gained, burst))
        refilled = tokens == burst ? now : last + interval * gained
        guard tokens > 0 else {
            suppressed += 1
            return nil
        }
        tokens -= 1
        defer { suppressed = 0 }
        return suppressed
    }
}
