/// How much of a log is kept: a value that decides which segments are due.
///
/// Segments are considered from the newest to the oldest. Once one is not kept, neither is any before it: those were
/// stored earlier, whatever their times say.
struct Retention: Sendable {
    /// Segments are dropped while the newer ones hold at least this number of bytes.
    var bytes: Int64?
    /// A segment whose newest record was stored before this time is dropped, in microseconds since 1970.
    var horizon: Int64?
    private var newerBytes: Int64 = 0

    /// - Parameter now: microseconds since 1970; `nil`: the clock is not trusted, and nothing is dropped for its age.
    init(_ configuration: MessageLog.Configuration, now: Int64?) {
        bytes = configuration.retentionBytes
        if let age = configuration.retentionAge, let now {
            let horizon = now.subtractingReportingOverflow(age.wholeMicroseconds)
            self.horizon = horizon.overflow ? .min : horizon.partialValue
        }
    }

    /// Whether the segment before those that were considered so far is kept. `newestTime`: when its newest record was
    /// stored; `nil` if that is not known.
    mutating func keeps(byteCount: Int64, newestTime: Int64?) -> Bool {
        if let bytes, newerBytes >= bytes { return false }
        if let horizon, let newestTime, newestTime < horizon { return false }
        newerBytes += byteCount
        return true
    }
}
