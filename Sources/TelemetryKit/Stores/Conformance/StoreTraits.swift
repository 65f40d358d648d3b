import TelemetryModels

/// The limitations of a database in storing samples. The default is a store without limitations.
///
/// ``StoreConformance`` checks a store within these limits, and at them: it skips nothing.
public struct StoreTraits: Sendable, Hashable {
    /// Which second write of a sample replaces the first. Samples are the same if their metric, GPU uuid and time are
    /// the same.
    public enum Replacement: Sendable, Hashable {
        /// Every second write.
        case everything
        /// One with another value, labels or workload, if none of them becomes empty; not one with another device,
        /// hostname, model or GPU id.
        case valueAndWorkload
        /// None: the same sample written again changes nothing, and of different ones any one may be stored.
        case nothing
    }

    /// The resolution of times: they are rounded down to a multiple of it since 1970. At most a second.
    public var timeResolution: Duration
    /// The oldest time; samples before it are skipped.
    public var earliestTime: Timestamp
    /// The number of significant decimal digits that a value keeps, if the values of its series are within six decades.
    /// `nil`: every finite value is kept exactly.
    public var significantDigits: Int?
    /// Which second write replaces the first.
    public var replacement: Replacement
    /// Whether samples of one GPU and time share container, pod and namespace: those written last.
    public var sharesWorkload: Bool

    /// Creates traits; the defaults are those of a store without limitations.
    public init(
        timeResolution: Duration = .nanoseconds(1), earliestTime: Timestamp = Timestamp(nanoseconds: .min),
        significantDigits: Int? = nil,
        replacement: Replacement = .everything, sharesWorkload: Bool = false
    ) {
        self.timeResolution = timeResolution
        self.earliestTime = earliestTime
        self.significantDigits = significantDigits
        self.replacement = replacement
        self.sharesWorkload = sharesWorkload
    }

    /// The resolution in nanoseconds.
    var tick: Int64 { max(1, timeResolution.wholeNanoseconds) }

    /// The stored time of a sample.
    func kept(_ time: Timestamp) -> Timestamp {
        Timestamp(nanoseconds: Aggregator.windowStart(time.nanoseconds, tick))
    }
}
