import TelemetryModels

/// What a ``MemoryStore`` holds, in bytes, and what it has let go of because of its limit.
public struct MemoryUsage: Sendable, Hashable {
    /// Bytes of compressed values, and of those that are not compressed yet.
    public var sampleBytes = 0
    /// Bytes of the samples' times, which series share.
    public var timeBytes = 0
    /// Bytes of series: their names, labels and the identities of their GPUs. Texts that several series share count once.
    public var seriesBytes = 0
    /// Bytes of the tables in which series and GPUs are found.
    public var tableBytes = 0
    /// The limit in bytes; `nil`: none.
    public var limit: Int?
    /// Samples that were freed because of the limit.
    public var evictedSamples = 0
    /// Series that lost their last sample because of the limit. One that goes on counts again.
    public var evictedSeries = 0
    /// Samples that were not stored because they were older than what retention or the limit keep.
    public var lateSamples = 0
    /// Whether the limit makes the oldest samples go as new ones come: from the first that goes until less than half of the limit is
    /// in use.
    public var isEvicting = false
    /// Samples before this time are not held any more; `nil`: nothing was let go of.
    public var oldestKept: Timestamp?

    /// Nothing is held.
    public init() {}

    /// All bytes together. Beyond the limit only if the samples of the newest time alone take more.
    public var byteCount: Int { sampleBytes + timeBytes + seriesBytes + tableBytes }
}

extension MemoryStore {
    /// What happens in a store that its owner should know.
    public enum Event: Sendable {
        /// The limit is reached: the oldest samples go from now on.
        case evictionStarted(MemoryUsage)
        /// The limit is no longer felt.
        case evictionEnded(MemoryUsage)
    }
}
