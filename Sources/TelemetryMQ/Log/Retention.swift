/// Decides which segments of a log retention removes: a value.
///
/// Segments are considered from the newest to the oldest. Once one is not kept, none before it is kept either: they
/// were stored earlier, whatever their timestamps are.
struct Retention: Sendable {
    /// Segments are removed while the newer ones contain at least this number of bytes.
    var bytes: Int64?
    /// A segment whose newest record was stored before this time, in microseconds since 1970, is removed.
    var horizon: Int64?
    private var newerBytes: Int64 = 0

    /// - Parameter now: Microseconds since 1970; `nil` if the clock is not trusted, and nothing is removed because of
    ///   its age.
    init(_ configuration: MessageLog.Configuration, now: Int64?) {
        bytes = configuration.retentionBytes
        if let age = configuration.retentionAge, let now {
            let horizon = now.subtractingReportingOverflow(age.wholeMicroseconds)
            self.horizon = horizon.overflow ? .min : horizon.partialValue
        }
    }

    /// Returns whether the segment before those considered so far is kept. `newestTime`: the time when its newest
    /// record was stored; `nil` if it is not known.
    mutating func keeps(byteCount: Int64, newestTime: Int64?) -> Bool {
        if let bytes, newerBytes >= bytes { return false }
        if let horizon, let newestTime, newestTime < horizon { return false }
        newerBytes += byteCount
        return true
    }
}
