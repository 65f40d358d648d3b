import TelemetryBase

/// The times of scrapes: at once, and then at whole intervals from the first, so that the duration of scrapes does not
/// accumulate.
///
/// A due time that passes during a scrape is skipped, and so are all missed ones but the last.
struct ScrapeSchedule: Sendable {
    private let interval: Int64
    private var start: Duration?
    /// The next scrape is this number of intervals after the start.
    private var tick: Int64 = 0
    private var skipped = 0

    init(interval: Duration) {
        precondition(interval > .zero)
        self.interval = max(1, interval.wholeNanoseconds)
    }

    /// The time until the next scrape; zero or less if it is due.
    mutating func wait(at now: Duration) -> Duration {
        let start = self.start ?? now
        self.start = start
        return start + .nanoseconds(interval.multipliedClamped(by: tick)) - now
    }

    /// Begins a scrape, no earlier than it is due.
    mutating func begin(at now: Duration) {
        advance(to: elapsed(at: now) / interval)
        tick += 1
    }

    /// The number of due times skipped so far. A due time that was missed counts as soon as the next one is due,
    /// without a call in between.
    func skipped(at now: Duration) -> Int {
        guard start != nil else { return skipped }
        return skipped + Int(max(0, elapsed(at: now) / interval - tick))
    }

    /// Ends the scrape.
    mutating func end(at now: Duration) {
        let (whole, rest) = elapsed(at: now).quotientAndRemainder(dividingBy: interval)
        advance(to: rest > 0 ? whole + 1 : whole)
    }

    private mutating func advance(to next: Int64) {
        guard next > tick else { return }
        skipped += Int(next - tick)
        tick = next
    }

    private func elapsed(at now: Duration) -> Int64 { (now - (start ?? now)).wholeNanoseconds }
}
