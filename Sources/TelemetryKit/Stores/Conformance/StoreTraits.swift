import TelemetryModels

/// What a database does not keep of what a store is given. The default is a store that keeps everything.
///
/// ``StoreConformance`` checks a store within these limits, and at them: it leaves nothing out.
public struct StoreTraits: Sendable, Hashable {
    /// Which second write of a sample replaces the first. A sample is the same by its metric, its GPU's uuid and its time.
    public enum Replacement: Sendable, Hashable {
        /// Every one.
        case everything
        /// One with another value, labels or workload, where nothing becomes empty; not one with another device, hostname, model or GPU id.
        case valueAndWorkload
        /// None: the same written again changes nothing, and of different ones any one may stand.
        case nothing
    }

    /// Times are kept in multiples of it since 1970, rounded down. At most a second.
    public var timeResolution: Duration
    /// Samples before it are passed over.
    public var earliestTime: Timestamp
    /// A value of so many significant decimal digits comes back as it was, where the values of its series lie within six decades. `nil`:
    /// every finite value does.
    public var significantDigits: Int?
    /// Which second write replaces the first.
    public var replacement: Replacement
    /// Samples of one GPU and time share container, pod and namespace: those that are written last.
    public var sharesWorkload: Bool

    /// Traits with these members; the defaults are those of a store that keeps everything.
    public init(
        timeResolution: Duration = .nanoseconds(1), earliestTime: Timestamp = Timestamp(nanoseconds: .min), significantDigits: Int? = nil,
        replacement: Replacement = .everything, sharesWorkload: Bool = false
    ) {
        self.timeResolution = timeResolution
        self.earliestTime = earliestTime
        self.significantDigits = significantDigits
        self.replacement = replacement
        self.sharesWorkload = sharesWorkload
    }

    /// In nanoseconds.
    var tick: Int64 { max(1, timeResolution.wholeNanoseconds) }

    /// What is left of a sample's time.
    func kept(_ time: Timestamp) -> Timestamp {
        Timestamp(nanoseconds: Aggregator.windowStart(time.nanoseconds, tick))
    }
}
