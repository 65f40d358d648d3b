import TelemetryKit

/// Batches for tests of single stores, of the series of `SuiteSamples`.
enum StoreSamples {
    static let start: Int64 = 1_752_871_354_000_000_000

    /// - Parameter samples: each with its time in nanoseconds behind the start.
    static func batch(_ samples: [(MetricSeries, Int64, Double)]) -> MetricBatch {
        MetricBatch(
            batchID: "b", source: "test", collectedAt: Timestamp(nanoseconds: start),
            metrics: samples.map {
                GPUMetric(timestamp: Timestamp(nanoseconds: start + $0.1), value: $0.2, series: $0.0)
            })
    }
}
