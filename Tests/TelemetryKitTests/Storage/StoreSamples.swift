import TelemetryKit

/// Samples for tests of single stores.
extension StoreConformance {
    static let start: Int64 = 1_752_871_354_000_000_000

    static func series(
        _ metric: String = "UTIL", gpu: String = "GPU-a", id: String = "0", host: String = "host-1", pod: String = "",
        labels: [MetricLabel] = []
    ) -> MetricSeries {
        MetricSeries(
            metricName: metric,
            gpu: GPUIdentity(
                gpuID: id, device: "nvidia" + id, uuid: gpu, modelName: "NVIDIA H100 80GB HBM3", hostname: host,
                container: pod.isEmpty ? "" : "main", pod: pod, namespace: pod.isEmpty ? "" : "ml"),
            labels: labels)
    }

    static func batch(_ samples: [(MetricSeries, Int64, Double)]) -> MetricBatch {
        MetricBatch(
            batchID: "b", source: "test", collectedAt: Timestamp(nanoseconds: start),
            metrics: samples.map { GPUMetric(timestamp: Timestamp(nanoseconds: start + $0.1), value: $0.2, series: $0.0) })
    }
}
