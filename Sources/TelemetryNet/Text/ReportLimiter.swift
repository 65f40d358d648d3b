/// Decides which of many equal reports are worth a line: a few at once, then one for each interval, with the number of
/// those that were left out since the last.
package struct ReportLimiter: Sendable {
    /// Reports that are let through at once.
    package let burst: Int
    /// For each interval without a report there is one more, up to ``burst``.
    package let interval: Duration
    private var tokens: Int
    private var refilled: ContinuousClock.Instant?
    /// Reports that were left out since the last that was let through.
    package private(set) var suppressed = 0

    package init(burst: Int = 1, interval: Duration) {
        self.burst = burst
        self.interval = interval
        tokens = burst
    }

    /// The number of reports left out before this one; `nil` if this one is left out.
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
