import TelemetryModels

let gpu = GPUIdentity(gpuID: "0", device: "nvidia0", uuid: "GPU-1", modelName: "H100", hostname: "node1")
let series = MetricSeries(metricName: "DCGM_FI_DEV_GPU_TEMP", gpu: gpu)
let sample = GPUMetric(timestamp: Timestamp(nanoseconds: 1), value: 41.5, series: series)
let batch = MetricBatch(batchID: "1", source: "node1", collectedAt: sample.timestamp, metrics: [sample])
let decoded = try MetricBatch.decode(json: batch.encoded())
guard Array(decoded.metrics) == [sample] else { fatalError("decoded \(decoded)") }
