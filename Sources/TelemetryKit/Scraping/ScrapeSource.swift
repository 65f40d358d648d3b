import TelemetryBase
import TelemetryHTTPClient
import TelemetryModels
import TelemetryPipeline

/// Scrapes a GPU metrics exporter repeatedly, as Prometheus would: each scrape becomes one or more batches.
///
///     var source = try ScrapeSource(ScrapeSource.Configuration(url: "http://host:9400/metrics", source: "node1-77"))
///     while let batch = try await source.next() { … }
///
/// It never ends by itself. A failed scrape yields no samples; it is counted, reported to ``Configuration/onEvent``,
/// and the next is attempted when it is due. One task owns the source. If that task is cancelled, even during a
/// request, ``next()`` returns the collected samples and then `nil`.
public struct ScrapeSource: ~Copyable, BatchSource {
    /// The options of a source. The URL and the name are required.
    public struct Configuration: Sendable {
        /// The URL of the metrics page, http or https; `user:password@` is sent as HTTP Basic. Redirects are not
        /// followed. Required.
        public var url: String
        /// The streamer's instance id. Required.
        public var source: String
        /// The hosts whose samples are accepted. Default: all.
        public var hosts = HostFilter()
        /// The time between scrapes, counted from the first. Default: 15 s.
        public var interval = Duration.seconds(15)
        /// The maximum time from the request until the last byte of the response. Default: 10 s.
        public var timeout = Duration.seconds(10)
        /// `now`: the time at which the scrape began. `source`: the timestamp of the line if it has one, otherwise the
        /// scrape's. Default: `SampleTimestamps.now`.
        public var timestamps = SampleTimestamps.now
        /// The maximum number of samples per batch. Default: 10,000.
        public var batchSize = 10_000
        /// The token, sent as `Authorization: Bearer …`; `nil` for none. Default: `nil`.
        public var bearerToken: String?
        /// The proxy for requests: `http://host:3128`, `https://…`, `socks5://…` or `socks5h://…`, optionally with
        /// `user:password@`; `nil` for none. Environment variables such as `http_proxy` are ignored. Default: `nil`.
        public var proxy: String?
        /// The maximum size of a response in bytes; a longer one is a failure. Default: 64 MiB.
        public var maxBodyBytes = 64 << 20
        /// Called with events on the task that owns the source. Default: does nothing.
        public var onEvent: @Sendable (ScrapeEvent) -> Void = { _ in }
        /// Called with the progress after every scrape, including failed ones, because a batch may take long. On the
        /// same task. Default: does nothing.
        public var onProgress: @Sendable (SourceProgress) -> Void = { _ in }

        /// Creates a configuration with defaults for an exporter.
        public init(url: String, source: String) {
            self.url = url
            self.source = source
        }

        /// Throws the errors that ``ScrapeSource/init(_:clock:)`` would throw because of it.
        public func check() throws(ScrapeError) { _ = try ScrapeTarget(self) }
    }

    private let clock: PipelineClock
    private let onEvent: @Sendable (ScrapeEvent) -> Void
    private let onProgress: @Sendable (SourceProgress) -> Void
    private let target: ScrapeTarget
    private let client: CurlClient
    private var schedule: ScrapeSchedule
    private var text: ScrapeText
    /// The batches of the last scrape that were not returned yet.
    private var ready: [MetricBatch] = []
    private var failuresInARow = 0
    private var counts = ScrapeProgress()

    /// Creates a source without sending a request.
    public init(_ configuration: Configuration, clock: PipelineClock = .system) throws(ScrapeError) {
        let target = try ScrapeTarget(configuration)
        let client: CurlClient
        do throws(HTTPFailure) {
            client = try CurlClient(maxConnections: 1, proxy: configuration.proxy)
        } catch {
            throw ScrapeError(error.reason)
        }
        self.clock = clock
        self.target = target
        self.client = client
        onEvent = configuration.onEvent
        onProgress = configuration.onProgress
        schedule = ScrapeSchedule(interval: configuration.interval)
        counts.interval = configuration.interval
        text = ScrapeText(configuration, target: target, startedAt: clock.wall())
    }

    /// The progress so far.
    public var progress: SourceProgress {
        var progress = text.progress
        progress.scraping = counts
        progress.scraping?.skipped = schedule.skipped(at: clock.monotonic())
        progress.scraping?.samplesWithoutGPU = text.samplesWithoutGPU
        progress.scraping?.liveSeries = text.staleness.live
        progress.scraping?.staleSeries = text.staleness.stale
        progress.scraping?.liveGPUs = text.gpuStaleness.live
        progress.scraping?.staleGPUs = text.gpuStaleness.stale
        return progress
    }

    /// Returns the next batch of a scrape, which may take as long as the interval, and longer while scrapes fail. `nil`
    /// after cancellation.
    public mutating func next() async throws -> MetricBatch? {
        while true {
            if !ready.isEmpty { return ready.removeFirst() }
            if Task.isCancelled { return nil }
            let now = clock.monotonic()
            let wait = schedule.wait(at: now)
            if wait > .zero {
                // Cancellation is checked at the top.
                try? await clock.sleep(wait)
            } else {
                await scrape(at: now)
                onProgress(progress)
            }
        }
    }

    private mutating func scrape(at start: Duration) async {
        schedule.begin(at: start)
        let began = clock.wall()
        counts.lastAttempt = began
        if counts.firstAttempt == nil { counts.firstAttempt = began }
        // A cancelled scrape is neither a success nor a failure.
        guard let answer = try? await target.fetch(client) else { return }
        let result = answer.flatMap { body in text.read(body, at: began, clock: clock).mapError(target.named) }
        let end = clock.monotonic()
        schedule.end(at: end)
        switch result {
        case .success(let batches):
            ready = batches
            counts.scrapes += 1
            counts.lastFailure = nil
            counts.lastSuccess = began
            counts.lastDuration = end - start
            if failuresInARow > 0 { onEvent(.recovered(failures: failuresInARow)) }
            failuresInARow = 0
            for event in text.events { onEvent(event) }
        case .failure(let error):
            counts.failures += 1
            counts.lastFailure = error.description
            failuresInARow += 1
            onEvent(.failed(reason: error.description, failures: failuresInARow))
        }
    }
}
