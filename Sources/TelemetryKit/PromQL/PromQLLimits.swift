/// The limits of a PromQL query, and its parameters of time.
public struct PromQLLimits: Sendable, Hashable {
    /// The time for which a sample represents its series: an instant vector contains the newest one that is not older.
    public var lookback: Duration = .seconds(300)
    /// The maximum number of samples that one query may hold in memory, including its result; 16 bytes each.
    public var maxSamples = 10_000_000
    /// The maximum number of steps of a range query, not counting the first.
    public var maxSteps = 11_000
    /// The maximum duration of a query; a longer one ends with an error. A request may ask for less.
    public var timeout: Duration = .seconds(120)

    /// Creates limits with the default values.
    public init() {}
}
