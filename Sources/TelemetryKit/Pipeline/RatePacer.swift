import TelemetryNet

/// How many rows may be read now, so that a rate is kept.
struct RatePacer: Sendable {
    /// Rows a second; 0: any number.
    private let rate: Int
    /// Rows that are granted together at least: a wake-up a row could not keep up with a large rate.
    private let granule: Int
    private var since: Duration?
    private var taken = 0

    init(rate: Int) {
        precondition(rate >= 0)
        // No machine reads as many.
        self.rate = min(rate, 1 << 48)
        granule = max(1, self.rate / 100)
    }

    /// Rows that are due, or 0 and how long to wait. What could not be read in time is made up for within a second, and not later.
    mutating func allowance(at now: Duration) -> (rows: Int, wait: Duration) {
        guard rate > 0 else { return (.max, .zero) }
        let start = since ?? now
        since = start
        // The first granule is due at the start.
        let rows = (granule - taken).addingClamped(Int(clamping: (now - start) / .seconds(1) * Double(rate)))
        if rows > rate + granule {
            since = now
            taken = 0
            return (granule, .zero)
        }
        if rows >= granule { return (rows, .zero) }
        return (0, max(.microseconds(50), .seconds(Double(granule - rows) / Double(rate))))
    }

    mutating func take(_ rows: Int) {
        taken += rows
    }
}
