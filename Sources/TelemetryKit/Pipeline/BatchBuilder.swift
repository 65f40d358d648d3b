import TelemetryModels

/// Collects rows until there are enough for a batch, by number or by time.
public struct BatchBuilder: Sendable {
    private let source: String
    private let run: Int64
    private let maxCount: Int
    private let interval: Duration
    private var sequence = 0

    private var series: [MetricSeries] = []
    private var seriesIndices: [UInt32] = []
    private var timestamps: [Int64] = []
    private var values: [Double] = []
    /// For each series of the reader: its index in a batch, and the batch that the index belongs to.
    private var places: [(sequence: Int, index: UInt32)] = []
    private var openedAt: Duration?

    /// - Parameters:
    ///   - source: The streamer's instance id.
    ///   - maxCount: The maximum number of samples per batch.
    ///   - interval: The time for which a batch stays open after its first row.
    ///   - startedAt: Part of the batch ids, so that a restarted streamer does not repeat them.
    public init(source: String, maxCount: Int, interval: Duration, startedAt: Timestamp) {
        precondition(maxCount > 0)
        self.source = source
        self.maxCount = maxCount
        self.interval = interval
        run = startedAt.nanoseconds
    }

    /// The number of rows in the open batch.
    public var count: Int { values.count }
    /// Whether the open batch has no rows.
    public var isEmpty: Bool { values.isEmpty }
    /// Whether the open batch has the maximum number of rows.
    public var isFull: Bool { values.count >= maxCount }
    /// The number of rows that may still be added.
    public var room: Int { maxCount - values.count }

    /// The time when the open batch is due, on the clock of ``append(series:of:timestamp:value:now:)``.
    public var deadline: Duration? { openedAt.map { $0 + interval } }

    /// Whether the open batch should be sent, at that time of the same clock.
    public func isDue(at now: Duration) -> Bool {
        isFull || deadline.map { $0 <= now } ?? false
    }

    /// Adds a row whose series has the index `number` in a table that grows and never changes.
    @inline(__always)
    public mutating func append(
        series number: UInt32, of table: [MetricSeries], timestamp: Int64, value: Double, now: Duration
    ) {
        precondition(!isFull)
        if openedAt == nil { openedAt = now }
        let number = Int(number)
        while number >= places.count { places.append((-1, 0)) }
        if places[number].sequence != sequence {
            places[number] = (sequence, UInt32(series.count))
            series.append(table[number])
        }
        seriesIndices.append(places[number].index)
        timestamps.append(timestamp)
        values.append(value)
    }

    /// Closes the batch and begins the next.
    public mutating func close(collectedAt: Timestamp) -> MetricBatch {
        let batch = MetricBatch(
            batchID: "\(source)-\(run)-\(sequence)", source: source, collectedAt: collectedAt, series: series,
            seriesIndices: seriesIndices, timestamps: timestamps, values: values)
        sequence += 1
        openedAt = nil
        // The batch keeps its arrays; the next will probably have the same length.
        series = []
        seriesIndices = []
        timestamps = []
        values = []
        series.reserveCapacity(batch.series.count)
        seriesIndices.reserveCapacity(batch.count)
        timestamps.reserveCapacity(batch.count)
        values.reserveCapacity(batch.count)
        return batch
    }
}
