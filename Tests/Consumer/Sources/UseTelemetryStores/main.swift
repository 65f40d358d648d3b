import TelemetryModels
import TelemetryStores

let gpu = GPUIdentity(gpuID: "0", device: "nvidia0", uuid: "GPU-1", modelName: "H100", hostname: "node1")
let series = MetricSeries(metricName: "DCGM_FI_DEV_GPU_TEMP", gpu: gpu)
let sample = GPUMetric(timestamp: Timestamp(nanoseconds: 1), value: 41.5, series: series)
let store = MemoryStore()
try await store.write([MetricBatch(batchID: "1", source: "a", collectedAt: sample.timestamp, metrics: [sample])])
let count = try await store.statistics().sampleCount
guard count == 1 else { fatalError("stored \(count)") }
