/// Decides which connections to close when all of them together hold more memory than they may.
///
/// What counts is how much a connection holds and for how long it has held it: a client that sends a large frame and
/// completes it holds much for an instant; one that stops in the middle, or sends a byte now and then, holds it for
/// ever.
package enum MemoryPressure {
    package struct Holder<ID> {
        package var id: ID
        /// Bytes of memory, more than 0.
        package var bytes: Int
        /// How long the connection has held some.
        package var age: Duration

        package init(id: ID, bytes: Int, age: Duration) {
            self.id = id
            self.bytes = bytes
            self.age = age
        }
    }

    /// The connections to close so that the bytes held fall from `held` to seven eighths of `limit`: the next few
    /// frames should not make the same decision necessary again. Those with the largest product of bytes and age come
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

    /// Byte-seconds; what came just now counts as held for a millisecond.
    private static func weight<ID>(_ holder: Holder<ID>) -> Double {
        Double(holder.bytes) * max(holder.age / .seconds(1), 0.001)
    }
}

/// Lets an event be reported at once the first time, and then at most once per interval, with the number left out in
/// between.
package struct ReportLimit {
    private let interval: Duration
    private var next: ContinuousClock.Instant?
    private var leftOut = 0

    package init(interval: Duration = .seconds(10)) { self.interval = interval }

    /// `nil`: not to be reported. Else the number of events since the last report that were not.
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
