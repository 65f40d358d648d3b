import TelemetryModels

/// The memory used by a ``MemoryStore``, in bytes, and the samples removed because of its limit.
public struct MemoryUsage: Sendable, Hashable {
    /// Bytes of compressed values, and of those that are not compressed yet.
    public var sampleBytes = 0
    /// Bytes of the samples' times, which series share.
    public var timeBytes = 0
    /// Bytes of series: their names, labels and the identities of their GPUs. Texts that several series share count
    /// once.
    public var seriesBytes = 0
    /// Bytes of the tables in which series and GPUs are looked up.
    public var tableBytes = 0
    /// The limit in bytes; `nil` for none.
    public var limit: Int?
    /// The number of samples that were freed because of the limit.
    public var evictedSamples = 0
    /// The number of series that lost their last sample because of the limit. A series that resumes counts again.
    public var evictedSeries = 0
    /// The number of samples that were not stored because they were older than retention or the limit allow.
    public var lateSamples = 0
    /// Whether the limit causes the oldest samples to be removed as new ones arrive: from the first removal until less
    /// than half of the limit is in use.
    public var isEvicting = false
    /// Samples before this time are no longer stored; `nil` if none were removed.
    public var oldestKept: Timestamp?

    /// Creates the usage of an empty store.
    public init() {}

    /// The total number of bytes. Exceeds the limit only if the samples of the newest time alone need more.
    public var byteCount: Int { sampleBytes + timeBytes + seriesBytes + tableBytes }
}

extension MemoryStore {
    /// An event of a store that its owner should know of.
    public enum Event: Sendable {
        /// The limit is reached: the oldest samples are removed from now on.
        case evictionStarted(MemoryUsage)
        /// The limit is no longer in effect.
        case evictionEnded(MemoryUsage)
    }
}
