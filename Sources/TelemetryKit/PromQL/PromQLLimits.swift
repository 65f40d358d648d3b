/// What a query in PromQL may cost, and how it looks at time.
public struct PromQLLimits: Sendable, Hashable {
    /// How long a sample stands for its series: an instant vector has the newest one that is not older.
    public var lookback: Duration = .seconds(300)
    /// Samples that one query may hold, those that it reads and those of its answer; 16 bytes each.
    public var maxSamples = 10_000_000
    /// Steps of a range query beyond the first.
    public var maxSteps = 11_000
    /// A query that takes longer ends with an error. A request may ask for less.
    public var timeout: Duration = .seconds(120)

    /// The defaults.
    public init() {}
}
