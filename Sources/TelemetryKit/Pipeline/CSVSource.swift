import TelemetryBase
import TelemetryIO
import TelemetryModels
import TelemetryReaders

/// Reads DCGM exports as a streamer does: row by row at a given rate, collected into batches.
///
///     var source = try CSVSource(CSVSource.Configuration(path: "exports/*.csv", source: "node1-77"))
///     while let batch = try await source.next() { … }
///
/// Several files are read one after another. An unreadable file among them is skipped and listed in
/// ``SourceProgress/rejectedFiles``; if it is the only one, or none can be read, that is an error.
///
/// Waiting for a stream blocks no thread: batches are returned when they are due, whether or not more data arrive.
///
/// One task owns it. If that task is cancelled, ``next()`` returns the collected samples and then `nil`, so that no
/// sample that was read is lost.
public struct CSVSource: ~Copyable, BatchSource {
    /// The options of a source. The input and the name are required.
    public struct Configuration: Sendable {
        /// The input. Required.
        public var input: CSVInput
        /// The streamer's instance id. Required.
        public var source: String
        /// The hosts whose rows are accepted. Default: all.
        public var hosts = HostFilter()
        /// Whether to start again at the end, for ever, with the files that exist then. A stream has one pass. Default:
        /// `false`.
        public var loop = false
        /// The maximum number of rows per second; 0 for no limit. Default: 0.
        public var rate = 0
        /// The timestamp that a sample receives. Default: `SampleTimestamps.source`.
        public var timestamps = SampleTimestamps.source
        /// The behaviour at an invalid row. Default: it is counted and skipped.
        public var badRows = BadRowPolicy.skip
        /// The maximum number of rows per batch. Default: 10,000.
        public var batchSize = 10_000
        /// The maximum time for which rows are collected before they are returned as a batch. Default: 5 s.
        public var interval = Duration.seconds(5)

        /// Called with the progress, several times per batch and before each wait for a stream, because a batch may
        /// take long. Default: does nothing.
        public var onProgress: @Sendable (SourceProgress) -> Void = { _ in }

        /// Creates a configuration with defaults for an input.
        public init(input: CSVInput, source: String) {
            self.input = input
            self.source = source
        }

        /// Creates a configuration for a file, a directory or a pattern, like ``CSVInput/path(_:)``.
        public init(path: String, source: String) {
            self.init(input: .path(path), source: source)
        }
    }

    private let configuration: Configuration
    private let clock: PipelineClock
    private var feed: CSVFeed
    private var builder: BatchBuilder
    private var pacer: RatePacer
    private var rows = DCGMRows()
    /// For each series of the reader: whether its host is accepted, and where its last timestamp is stored.
    private var isSelected: [Bool] = []
    private var stampPlaces: [Int] = []
    /// A sample is identified by metric, GPU and time: series that differ in other parts, such as the pod, share
    /// timestamps.
    private var stampsByIdentity: [[String]: Int] = [:]
    private var lastStamps: [Int64] = []
    private var selectedInPass = 0
    private var hasEnded = false
    /// The error that ended the reading; it is thrown after the rows before it were returned.
    private var failure: CSVError?
    private var counts = SourceProgress()

    /// The maximum number of rows that are read and stamped together.
    private static let chunk = 4_096

    /// Opens the first file and reads its header. Does not wait for a stream before ``next()``.
    public init(_ configuration: Configuration, clock: PipelineClock = .system) throws(CSVError) {
        self.configuration = configuration
        self.clock = clock
        feed = try CSVFeed.open(
            configuration.input, badRows: configuration.badRows, ignoresTimes: configuration.timestamps == .now)
        builder = BatchBuilder(
            source: configuration.source, maxCount: configuration.batchSize, interval: configuration.interval,
            startedAt: clock.wall())
        pacer = RatePacer(rate: configuration.rate)
    }

    /// The progress so far.
    public var progress: SourceProgress {
        var progress = counts
        progress.quality = feed.quality
        progress.bytesRead = feed.bytesRead
        progress.totalBytes = feed.totalBytes
        progress.rejectedFiles = feed.rejectedFiles
        return progress
    }

    /// Returns the next batch: full, due, or the last. `nil` at the end of the input, unless it loops, and after
    /// cancellation.
    ///
    /// A loop ends if a whole pass yields no row. If the input cannot be read, or at an invalid row under that policy,
    /// the rows before it are returned first, the next call throws, and the one after that returns `nil`.
    public mutating func next() async throws(CSVError) -> MetricBatch? {
        while true {
            let now = clock.monotonic()
            if builder.isDue(at: now) { return builder.close(collectedAt: clock.wall()) }
            if hasEnded || Task.isCancelled {
                if !builder.isEmpty { return builder.close(collectedAt: clock.wall()) }
                if let error = failure.take() { throw error }
                return nil
            }
            let (allowance, wait) = pacer.allowance(at: now)
            if allowance == 0 {
                let untilDue = builder.deadline.map { $0 - now } ?? wait
                // Cancellation is checked at the top.
                try? await clock.sleep(min(wait, untilDue))
                continue
            }
            let outcome = readChunk(limit: min(allowance, builder.room, CSVSource.chunk), now: now)
            configuration.onProgress(progress)
            if outcome == .starved { await waitForInput() }
        }
    }

    /// Waits until there is more to read, the open batch is due, or the task is cancelled.
    private mutating func waitForInput() async {
        let watch: InputWatch?
        do throws(CSVError) {
            watch = try feed.watch()
        } catch {
            return fail(error)
        }
        let clock = clock
        let untilDue = builder.deadline.map { $0 - clock.monotonic() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await watch?.readable() }
            if let untilDue { group.addTask { try? await clock.sleep(untilDue) } }
            await group.next()
            group.cancelAll()
        }
    }

    private mutating func readChunk(limit: Int, now: Duration) -> CSVFeed.Outcome {
        rows.removeAll()
        var outcome = CSVFeed.Outcome.end
        do throws(CSVError) {
            outcome = try feed.read(into: &rows, limit: limit)
        } catch {
            fail(error)
        }
        let series = feed.series
        while isSelected.count < series.count { addSeries(series[isSelected.count]) }
        let selected = append(series, now: now)
        if feed.badRows.count != counts.rejected.count { counts.rejected = RejectedRows(feed.badRows) }
        counts.rowsRead += rows.count
        counts.rowsSelected += selected
        selectedInPass += selected
        pacer.take(selected)
        if outcome == .end, !hasEnded { endPass() }
        return outcome
    }

    private mutating func fail(_ error: CSVError) {
        failure = error
        hasEnded = true
    }

    private mutating func addSeries(_ series: MetricSeries) {
        isSelected.append(configuration.hosts.contains(series.gpu.hostname))
        let identity = [series.metricName, series.gpu.uuid]
        if let place = stampsByIdentity[identity] {
            stampPlaces.append(place)
        } else {
            stampsByIdentity[identity] = lastStamps.count
            stampPlaces.append(lastStamps.count)
            lastStamps.append(.min)
        }
    }

    private mutating func append(_ table: [MetricSeries], now: Duration) -> Int {
        let stamp = clock.wall().nanoseconds
        let stampsRows = configuration.timestamps == .now
        var selected = 0
        for i in 0..<rows.count {
            let number = rows.seriesIndices[i]
            guard isSelected[Int(number)] else { continue }
            var time = rows.timestamps[i]
            if stampsRows {
                // This also applies if the clock was set back.
                let place = stampPlaces[Int(number)]
                let last = lastStamps[place]
                time = last >= stamp ? last.addingClamped(1) : stamp
                lastStamps[place] = time
            }
            builder.append(series: number, of: table, timestamp: time, value: rows.values[i], now: now)
            selected += 1
        }
        return selected
    }

    private mutating func endPass() {
        counts.passes += 1
        hasEnded = !configuration.loop || feed.isStream || selectedInPass == 0
        selectedInPass = 0
        guard !hasEnded else { return }
        do throws(CSVError) {
            try feed.rewind()
        } catch {
            fail(error)
        }
    }
}
