/// The samples that one streamer collected together, and that are sent in one message.
///
/// Stored in columns: a table of series, and for every sample the index of its series, its time and its value.
/// ``metrics`` returns the same samples as values.
public struct MetricBatch: Sendable {
    /// The batch id, unique across streamers and restarts.
    public var batchID: String
    /// The streamer's instance id.
    public var source: String
    /// The time when the streamer closed the batch.
    public var collectedAt: Timestamp

    /// The table of series.
    public private(set) var series: [MetricSeries] = []
    /// For each sample, the index of its series in ``series``.
    public private(set) var seriesIndices: [UInt32] = []
    /// For each sample, nanoseconds since 1970-01-01T00:00:00Z.
    public private(set) var timestamps: [Int64] = []
    /// For each sample, its value.
    public private(set) var values: [Double] = []

    /// Creates a batch without samples.
    public init(batchID: String, source: String, collectedAt: Timestamp) {
        self.batchID = batchID
        self.source = source
        self.collectedAt = collectedAt
    }

    /// Creates a batch from columns that a codec or a builder has filled and checked.
    package init(
        batchID: String, source: String, collectedAt: Timestamp, series: [MetricSeries], seriesIndices: [UInt32],
        timestamps: [Int64], values: [Double]
    ) {
        precondition(
            seriesIndices.count == values.count && timestamps.count == values.count, "columns of different lengths")
        self.init(batchID: batchID, source: source, collectedAt: collectedAt)
        self.series = series
        self.seriesIndices = seriesIndices
        self.timestamps = timestamps
        self.values = values
    }

    /// The number of samples.
    public var count: Int { values.count }
    /// Whether it has no samples.
    public var isEmpty: Bool { values.isEmpty }

    /// Adds a series to the table and returns its index. The caller keeps the index; a series added twice is stored twice.
    public mutating func addSeries(_ new: MetricSeries) -> UInt32 {
        series.append(new)
        return UInt32(series.count - 1)
    }

    /// Adds one sample of the series with an index that ``addSeries(_:)`` returned. The order is kept.
    public mutating func append(seriesIndex: UInt32, timestamp: Int64, value: Double) {
        precondition(
            Int(seriesIndex) < series.count,
            "series index \(seriesIndex) is not in the batch's table of \(series.count)")
        seriesIndices.append(seriesIndex)
        timestamps.append(timestamp)
        values.append(value)
    }
}

extension MetricBatch {
    /// The samples as values, in order.
    public var metrics: Metrics { Metrics(batch: self) }

    /// The samples of a batch as values, created on access.
    public struct Metrics: RandomAccessCollection, Sendable {
        let batch: MetricBatch
        public var startIndex: Int { 0 }
        public var endIndex: Int { batch.count }
        public subscript(i: Int) -> GPUMetric {
            GPUMetric(
                timestamp: Timestamp(nanoseconds: batch.timestamps[i]), value: batch.values[i],
                series: batch.series[Int(batch.seriesIndices[i])])
        }
    }

    /// Splits the samples into two batches, in order, for a message that is too large; the first has the smaller half.
    /// Their ids are this one's with `.1` and `.2`. A batch of one sample has an empty half.
    public var halves: [MetricBatch] {
        [metrics[..<(count / 2)], metrics[(count / 2)...]].enumerated().map { index, half in
            MetricBatch(batchID: "\(batchID).\(index + 1)", source: source, collectedAt: collectedAt, metrics: half)
        }
    }

    /// Creates a batch from single samples; equal series share one entry of the table.
    public init(batchID: String, source: String, collectedAt: Timestamp, metrics: some Sequence<GPUMetric>) {
        self.init(batchID: batchID, source: source, collectedAt: collectedAt)
        var known: [MetricSeries: UInt32] = [:]
        for metric in metrics {
            let index: UInt32
            if let found = known[metric.series] {
                index = found
            } else {
                index = addSeries(metric.series)
                known[metric.series] = index
            }
            append(seriesIndex: index, timestamp: metric.timestamp.nanoseconds, value: metric.value)
        }
    }
}
