import TelemetryBase

/// Calculates how many rows may be read now, so that a rate is maintained.
struct RatePacer: Sendable {
    /// The number of rows per second; 0 for no limit.
    private let rate: Int
    /// The minimum number of rows that are granted together: one wake-up per row could not keep up with a high rate.
    private let granule: Int
    private var since: Duration?
    private var taken = 0

    init(rate: Int) {
        precondition(rate >= 0)
        // No machine reads that many.
        self.rate = min(rate, 1 << 48)
        granule = max(1, self.rate / 100)
    }

    /// Returns the number of rows that are due, or 0 and the time to wait. Rows that could not be read in time are
    /// caught up within a second only.
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
