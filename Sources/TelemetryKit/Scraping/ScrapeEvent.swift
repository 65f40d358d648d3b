/// An event that the operator of a scraper should know of.
public enum ScrapeEvent: Sendable, Hashable {
    /// A scrape failed; the next is attempted when it is due. `failures` counts those since the last successful one.
    case failed(reason: String, failures: Int)
    /// A scrape succeeded again.
    case recovered(failures: Int)
    /// Series that the previous successful scrape contained are not in this one. `examples` are the first few.
    case seriesVanished(count: Int, examples: [String])
    /// Series that had vanished are present again.
    case seriesReturned(count: Int, examples: [String])
    /// GPUs for which the previous successful scrape had a series, and this one has none: not a job that ended, but a
    /// lost device.
    case gpusVanished(count: Int, examples: [String])
    /// GPUs that had vanished are present again.
    case gpusReturned(count: Int, examples: [String])
}

/// The reason why an exporter cannot be scraped at all.
public struct ScrapeError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String

    /// Creates an error with its description.
    public init(_ description: String) { self.description = description }
}
