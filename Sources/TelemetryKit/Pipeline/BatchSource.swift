import TelemetryModels
import TelemetryReaders

/// Where batches come from: exports, standard input, or an exporter that is scraped.
///
/// One task owns a source. Where that task is cancelled, ``next()`` returns what was collected and then `nil`, so that nothing that was
/// read is lost.
public protocol BatchSource: ~Copyable {
    /// The next batch; `nil` at the end.
    mutating func next() async throws -> MetricBatch?

    /// What was read so far.
    var progress: SourceProgress { get }
}

/// Which time a sample gets.
public enum SampleTimestamps: String, Sendable, Hashable, CaseIterable {
    /// The time at which its row was read or its scrape began; what the source says is not looked at, and may be malformed. Samples of one series never share one, since that is what tells them apart.
    case now
    /// The time that the source says. What is read twice gives the same samples again, and a store ends up with each once.
    case source
}

/// What a source has read so far.
public struct SourceProgress: Sendable, Hashable {
    /// Samples read, of all passes and scrapes.
    public var rowsRead = 0
    /// Of these, samples of hosts that were asked for.
    public var rowsSelected = 0
    /// Rows or lines that could not be read.
    public var rejected = RejectedRows()
    /// Rows without a value, and values that cannot be true.
    public var quality = ValueQuality()
    /// Files that cannot be read, or of which every row is rejected, with the reason, by path or by the name of a stream; a file that could
    /// be read since then is not among them.
    public var rejectedFiles: [String: String] = [:]
    /// Times that the end of the input was reached.
    public var passes = 0
    /// Bytes of the current pass that were read.
    public var bytesRead = 0
    /// Bytes of all that the current pass reads; 0 where nobody knows.
    public var totalBytes = 0
    /// Of a source that is scraped; `nil` for others.
    public var scraping: ScrapeProgress?

    /// Nothing read.
    public init() {}
}

/// How the scraping of an exporter goes.
public struct ScrapeProgress: Sendable, Hashable {
    /// Scrapes that gave a whole answer.
    public var scrapes = 0
    /// Scrapes that did not.
    public var failures = 0
    /// The time between two scrapes.
    public var interval = Duration.zero
    /// Why the last scrape failed; `nil` if it did not.
    public var lastFailure: String?
    /// Series that the last good scrape had.
    public var liveSeries = 0
    /// Series that an earlier scrape had and the last good one had not.
    public var staleSeries = 0
    /// GPUs of which the last good scrape had a series.
    public var liveGPUs = 0
    /// GPUs of which an earlier scrape had a series and the last good one had none: they fell off the bus, or left the exporter.
    public var staleGPUs = 0
    /// Times at which a scrape was due and the one before was still under way, or nobody asked for it. Counted when the
    /// next is due.
    public var skipped = 0
    /// Samples that name no GPU: of switches, processors, and of the exporter itself. They are not sent.
    public var samplesWithoutGPU = 0
    /// How long the last good scrape took.
    public var lastDuration = Duration.zero
    /// When the last good scrape began; `nil` before the first.
    public var lastSuccess: Timestamp?
    /// When the first scrape began, good or not; `nil` before it.
    public var firstAttempt: Timestamp?
    /// When the last scrape began, good or not; `nil` before the first.
    public var lastAttempt: Timestamp?

    /// Nothing scraped.
    public init() {}
}
