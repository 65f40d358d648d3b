import TelemetryModels
import TelemetryReaders

/// A source of batches: exports, standard input, or an exporter that is scraped.
///
/// One task owns a source. If that task is cancelled, ``next()`` returns the collected samples and then `nil`, so that
/// no sample that was read is lost.
public protocol BatchSource: ~Copyable {
    /// Returns the next batch; `nil` at the end.
    mutating func next() async throws -> MetricBatch?

    /// The progress so far.
    var progress: SourceProgress { get }
}

/// The timestamp that a sample receives.
public enum SampleTimestamps: String, Sendable, Hashable, CaseIterable {
    /// The time at which its row was read or its scrape began; the source's timestamp is ignored, and may be malformed.
    /// Samples of one series never share a timestamp, because it distinguishes them.
    case now
    /// The source's timestamp. Reading the same data twice yields the same samples again, and a store then contains
    /// each once.
    case source
}

/// The progress of a source.
public struct SourceProgress: Sendable, Hashable {
    /// The number of samples read, in all passes and scrapes.
    public var rowsRead = 0
    /// The number of these that belong to accepted hosts.
    public var rowsSelected = 0
    /// Rows or lines that could not be read.
    public var rejected = RejectedRows()
    /// Rows without a value, and implausible values.
    public var quality = ValueQuality()
    /// Files that cannot be read, or whose rows were all rejected, with the reason, by path or by the name of a stream;
    /// a file that could be read later is removed.
    public var rejectedFiles: [String: String] = [:]
    /// The number of times that the end of the input was reached.
    public var passes = 0
    /// The number of bytes read in the current pass.
    public var bytesRead = 0
    /// The number of bytes in the current pass; 0 if it is not known.
    public var totalBytes = 0
    /// The progress of a source that scrapes; `nil` for others.
    public var scraping: ScrapeProgress?

    /// Creates the initial progress.
    public init() {}
}

/// The progress of scraping an exporter.
public struct ScrapeProgress: Sendable, Hashable {
    /// The number of successful scrapes.
    public var scrapes = 0
    /// The number of failed scrapes.
    public var failures = 0
    /// The time between two scrapes.
    public var interval = Duration.zero
    /// The error of the last scrape; `nil` if it succeeded.
    public var lastFailure: String?
    /// The number of series in the last successful scrape.
    public var liveSeries = 0
    /// The number of series that an earlier scrape contained and the last successful one did not.
    public var staleSeries = 0
    /// The number of GPUs for which the last successful scrape contained a series.
    public var liveGPUs = 0
    /// The number of GPUs for which an earlier scrape contained a series and the last successful one none: they fell
    /// off the bus, or left the exporter.
    public var staleGPUs = 0
    /// The number of scrapes skipped because the previous one was still running, or because ``ScrapeSource/next()`` was
    /// not called. Counted when the next is due.
    public var skipped = 0
    /// The number of samples without a GPU: from switches, processors, and the exporter itself. They are not sent.
    public var samplesWithoutGPU = 0
    /// The duration of the last successful scrape.
    public var lastDuration = Duration.zero
    /// The time when the last successful scrape began; `nil` before the first.
    public var lastSuccess: Timestamp?
    /// The time when the first scrape began, successful or not; `nil` before it.
    public var firstAttempt: Timestamp?
    /// The time when the last scrape began, successful or not; `nil` before the first.
    public var lastAttempt: Timestamp?

    /// Creates the initial progress.
    public init() {}
}
