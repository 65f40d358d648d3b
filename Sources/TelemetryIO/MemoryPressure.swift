import TelemetryBase

/// Decides which connections to close when all of them together use more memory than allowed.
///
/// What counts is the memory that a connection holds multiplied by the time it has held it: a client that sends a large
/// frame and completes it holds much memory for an instant; one that stops in the middle, or sends a byte now and then,
/// holds it for ever.
package enum MemoryPressure {
    package struct Holder<ID> {
        package var id: ID
        /// Bytes of memory; more than 0.
        package var bytes: Int
        /// How long the connection has held memory.
        package var age: Duration

        package init(id: ID, bytes: Int, age: Duration) {
            self.id = id
            self.bytes = bytes
            self.age = age
        }
    }

    /// Returns the connections to close so that the total falls from `held` to seven eighths of `limit`, so that the
    /// next few frames do not trigger the same decision again. Those with the largest product of bytes and age come
    /// first.
    package static func victims<ID>(of holders: [Holder<ID>], held: Int, limit: Int) -> [ID] {
        guard held > limit else { return [] }
        var excess = held - limit / 8 * 7
        var victims: [ID] = []
        for holder in holders.sorted(by: { weight($0) > weight($1) }) {
            guard excess > 0 else { break }
            excess -= holder.bytes
            victims.append(holder.id)
        }
        return victims
    }

    /// Byte-seconds; memory that was just allocated counts as held for a millisecond.
    private static func weight<ID>(_ holder: Holder<ID>) -> Double {
        Double(holder.bytes) * max(holder.age / .seconds(1), 0.001)
    }
}

/// Rate limiter for reports: the first event is reported at once, then at most one per interval, with the number of
/// events omitted in between.
package struct ReportLimit {
    private let interval: Duration
    private var next: ContinuousClock.Instant?
    private var leftOut = 0

    package init(interval: Duration = .seconds(10)) { self.interval = interval }

    /// Returns `nil` if the event is not to be reported, otherwise the number of events omitted since the last report.
    package mutating func take(now: ContinuousClock.Instant) -> Int? {
        if let next, now < next {
            leftOut += 1
            return nil
        }
        next = now + interval
        defer { leftOut = 0 }
        return leftOut
    }
}
