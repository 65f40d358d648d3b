import Testing

@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Batches of samples")
struct MetricBatchTests {
    @Test(
        "the halves of a batch are its samples in order, each with the series that it needs",
        arguments: [0, 1, 2, 3, 100, 101])
    func halves(count: Int) {
        let series = (0..<4).map { MetricSeries(metricName: "M\($0)", gpu: SuiteSamples.series().gpu, labels: []) }
        let samples = (0..<count).map { n in
            GPUMetric(
                timestamp: Timestamp(nanoseconds: Int64(n)), value: Double(n),
                series: series[n < count / 2 ? n % 2 : 2 + n % 2])
        }
        let batch = MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 7), metrics: samples)
        let halves = batch.halves
        #expect(halves.map(\.batchID) == ["b.1", "b.2"])
        #expect(halves.allSatisfy { $0.source == "s" && $0.collectedAt.nanoseconds == 7 && $0.series.count <= 2 })
        #expect(halves.map(\.count) == [count / 2, count - count / 2])
        #expect(halves.flatMap(\.metrics) == samples)
    }
}
