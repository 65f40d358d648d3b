/// One sample: what a GPU's metric was at a moment.
///
/// JSON members: `timestamp` (RFC 3339), `metric_name`, those of ``GPUIdentity``, `value`, `labels` (an object).
public struct GPUMetric: Hashable, Sendable {
    /// When it was measured.
    public var timestamp: Timestamp
    /// Finite. A reader that meets NaN or infinity reports the row instead of making a metric.
    public var value: Double
    /// What was measured, where.
    public var series: MetricSeries

    /// A sample of a series.
    public init(timestamp: Timestamp, value: Double, series: MetricSeries) {
        self.timestamp = timestamp
        self.value = value
        self.series = series
    }

    /// A sample that comes alone. Samples of one series that are made this way do not share it: where there are many,
    /// make the ``MetricSeries`` once.
    public init(
        timestamp: Timestamp, metricName: String, gpuID: String, device: String, uuid: String, modelName: String,
        hostname: String, container: String = "", pod: String = "", namespace: String = "",
        value: Double, labels: [MetricLabel] = []
    ) {
        let gpu = GPUIdentity(
            gpuID: gpuID, device: device, uuid: uuid, modelName: modelName, hostname: hostname,
            container: container, pod: pod, namespace: namespace)
        self.init(
            timestamp: timestamp, value: value, series: MetricSeries(metricName: metricName, gpu: gpu, labels: labels))
    }

    /// Of its series.
    public var metricName: String { series.metricName }
    /// Of its series.
    public var gpu: GPUIdentity { series.gpu }
    /// Of its series.
    public var labels: [MetricLabel] { series.labels }
}
