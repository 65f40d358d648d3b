/// One sample: the value of a GPU's metric at a moment.
///
/// JSON members: `timestamp` (RFC 3339), `metric_name`, those of ``GPUIdentity``, `value`, `labels` (an object).
public struct GPUMetric: Hashable, Sendable {
    /// The time of the measurement.
    public var timestamp: Timestamp
    /// The value, which is finite. A reader that meets NaN or infinity reports the row instead of creating a sample.
    public var value: Double
    /// The series: the metric, the GPU and the labels.
    public var series: MetricSeries

    /// Creates a sample of a series.
    public init(timestamp: Timestamp, value: Double, series: MetricSeries) {
        self.timestamp = timestamp
        self.value = value
        self.series = series
    }

    /// Creates a single sample. Samples of one series that are created this way do not share it: for many samples,
    /// create the ``MetricSeries`` once.
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

    /// The metric's name, from the series.
    public var metricName: String { series.metricName }
    /// The GPU, from the series.
    public var gpu: GPUIdentity { series.gpu }
    /// The labels, from the series.
    public var labels: [MetricLabel] { series.labels }
}
