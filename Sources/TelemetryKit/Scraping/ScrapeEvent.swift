/// What a person who scrapes an exporter wants to hear of.
public enum ScrapeEvent: Sendable, Hashable {
    /// A scrape gave nothing; the next is tried when it is due. `failures` counts those since the last good one.
    case failed(reason: String, failures: Int)
    /// A scrape is good again.
    case recovered(failures: Int)
    /// Series that the good scrape before had are not in this one. `examples` are the first few.
    case seriesVanished(count: Int, examples: [String])
    /// Series that had vanished are there again.
    case seriesReturned(count: Int, examples: [String])
    /// GPUs that the good scrape before had a series of, and this one none: not a job that ended, but a device that is gone.
    case gpusVanished(count: Int, examples: [String])
    /// GPUs that had vanished are there again.
    case gpusReturned(count: Int, examples: [String])
}

/// Why an exporter cannot be scraped at all.
public struct ScrapeError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String

    /// An error with its words.
    public init(_ description: String) { self.description = description }
}
