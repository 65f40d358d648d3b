/// Reads a DCGM export as a streamer does: row by row at a rate, collected to batches.
///
///     var source = try CSVSource(CSVSource.Configuration(path: "dcgm.csv", source: "node1-77"))
///     while let batch = try await source.next() { … }
///
/// One task owns it. Where that task is cancelled, ``next()`` returns what was collected and then `nil`, so that nothing that was
/// read is lost.
public struct CSVSource: ~Copyable {
    public enum Timestamps: String, Sendable, Hashable, CaseIterable {
        /// The time at which the row was read. Rows of one series never share one, since that is what tells their samples apart.
        case now
        /// The time in the row. A loop then gives the same samples again, and a store ends up with each once.
        case source
    }

    public struct Configuration: Sendable {
        public var path: String
        /// The streamer's instance id.
        public var source: String
        public var hosts = HostFilter()
        /// Begin again at the end of the file, for ever.
        public var loop = false
        /// Rows a second; 0: as fast as it goes.
        public var rate = 0
        public var timestamps = Timestamps.source
        public var badRows = BadRowPolicy.skip
        /// Rows a batch at most.
        public var batchSize = 10_000
        /// How long rows are collected before they leave as a batch.
        public var interval = Duration.seconds(5)

        public init(path: String, source: String) {
            self.path = path
            self.source = source
        }
    }

    /// What was read so far.
    public struct Progress: Sendable, Hashable {
        /// Good rows, of all passes.
        public var rowsRead = 0
        /// Of these, rows of hosts that were asked for.
        public var rowsSelected = 0
        public var badRows = BadRows()
        /// Times that the end of the file was reached.
        public var passes = 0
        /// Bytes of the current pass, and of the file when it was opened (0 where it has no size).
        public var bytesRead = 0
        public var fileSize = 0

        public init() {}
    }

    private let configuration: Configuration
    private let clock: PipelineClock
    private var reader: DCGMReader
    private var builder: BatchBuilder
    private var pacer: RatePacer
    private var rows = DCGMRows()
    /// For every series of the reader: whether its host was asked for, and where its last stamp is.
    private var isSelected: [Bool] = []
    private var stampPlaces: [Int] = []
    /// A sample is identified by metric, GPU and time: series that differ in other things, such as the pod, share stamps.
    private var stampsByIdentity: [[String]: Int] = [:]
    private var lastStamps: [Int64] = []
    private var selectedInPass = 0
    private var hasEnded = false
    /// What ended the reading; it is thrown when the rows before it have left.
    private var failure: CSVError?
    private var counts = Progress()

    /// Rows that are read and stamped together at most.
    private static let chunk = 4_096

    /// Opens the file and reads its header.
    public init(_ configuration: Configuration, clock: PipelineClock = .system) throws(CSVError) {
        self.configuration = configuration
        self.clock = clock
        reader = try DCGMReader(path: configuration.path, badRows: configuration.badRows)
        builder = BatchBuilder(
            source: configuration.source, maxCount: configuration.batchSize, interval: configuration.interval,
            startedAt: clock.wall())
        pacer = RatePacer(rate: configuration.rate)
    }

    public var progress: Progress {
        var progress = counts
        progress.badRows = reader.badRows
        progress.bytesRead = reader.bytesRead
        progress.fileSize = reader.fileSize
        return progress
    }

    /// The next batch: full, or due, or the last. `nil` at the end of the file, unless it loops, and after cancellation.
    ///
    /// A loop ends where a whole pass gave no row. Where the file cannot be read, or at a bad row where that is the policy, the rows
    /// before it come first, the next call throws, and the one after that returns `nil`.
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
                // Cancellation is seen at the top.
                try? await clock.sleep(min(wait, untilDue))
                continue
            }
            readChunk(limit: min(allowance, builder.room, CSVSource.chunk), now: now)
        }
    }

    private mutating func readChunk(limit: Int, now: Duration) {
        rows.removeAll()
        do throws(CSVError) {
            try reader.read(into: &rows, limit: limit)
        } catch {
            fail(error)
        }
        while isSelected.count < reader.series.count { addSeries(reader.series[isSelected.count]) }
        let selected = append(now: now)
        counts.rowsRead += rows.count
        counts.rowsSelected += selected
        selectedInPass += selected
        pacer.take(selected)
        if rows.count < limit && !hasEnded { endPass() }
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

    private mutating func append(now: Duration) -> Int {
        let table = reader.series
        let stamp = clock.wall().nanoseconds
        let stampsRows = configuration.timestamps == .now
        var selected = 0
        for i in 0..<rows.count {
            let number = rows.seriesIndices[i]
            guard isSelected[Int(number)] else { continue }
            var time = rows.timestamps[i]
            if stampsRows {
                // Also where the clock was set back.
                let place = stampPlaces[Int(number)]
                let last = lastStamps[place]
                time = last >= stamp ? last + 1 : stamp
                lastStamps[place] = time
            }
            builder.append(series: number, of: table, timestamp: time, value: rows.values[i], now: now)
            selected += 1
        }
        return selected
    }

    private mutating func endPass() {
        counts.passes += 1
        hasEnded = !configuration.loop || selectedInPass == 0
        selectedInPass = 0
        guard !hasEnded else { return }
        do throws(CSVError) {
            try reader.rewind()
        } catch {
            fail(error)
        }
    }
}
