/// One sample: what a GPU's metric was at a moment.
///
/// JSON members: `timestamp` (RFC 3339), `metric_name`, those of ``GPUIdentity``, `value`, `labels` (an object).
public struct GPUMetric: Hashable, Sendable {
    public var timestamp: Timestamp
    /// Finite. A reader that meets NaN or infinity reports the row instead of making a metric.
    public var value: Double
    public var series: MetricSeries

    public init(timestamp: Timestamp, value: Double, series: MetricSeries) {
        self.timestamp = timestamp
        self.value = value
        self.series = series
    }

    public var metricName: String { series.metricName }
    public var gpu: GPUIdentity { series.gpu }
    public var labels: [MetricLabel] { series.labels }
}
