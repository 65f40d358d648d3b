import TelemetryNet

/// When to scrape: at once, and then at whole intervals from there, so that what scrapes take does not add up.
///
/// A time that passes during a scrape is left out, and so are those that nobody came for, but for the last.
struct ScrapeSchedule: Sendable {
    private let interval: Int64
    private var start: Duration?
    /// The next scrape is that many intervals after the start.
    private var tick: Int64 = 0
    private var skipped = 0

    init(interval: Duration) {
        precondition(interval > .zero)
        self.interval = max(1, interval.wholeNanoseconds)
    }

    /// How long until the next scrape; zero or less: now.
    mutating func wait(at now: Duration) -> Duration {
        let start = self.start ?? now
        self.start = start
        return start + .nanoseconds(interval.multipliedClamped(by: tick)) - now
    }

    /// A scrape begins, no earlier than it is due.
    mutating func begin(at now: Duration) {
        advance(to: elapsed(at: now) / interval)
        tick += 1
    }

    /// Times that were left out up to now. A time that is due and not the last that was due counts as soon as the next
    /// one is: nobody need come for it to be known that nobody came.
    func skipped(at now: Duration) -> Int {
        guard start != nil else { return skipped }
        return skipped + Int(max(0, elapsed(at: now) / interval - tick))
    }

    /// The scrape is over.
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
