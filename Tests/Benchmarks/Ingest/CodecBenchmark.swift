import BenchmarkSupport
import Foundation
import TelemetryKit

/// Writes and reads batches of so many ticks of an export, and prints bytes a sample, and samples a second either way.
///
/// A tick is one sample of every series. The export has one; `varies` moves every value by a small step from tick to tick, as a busy
/// fleet's values do, so that not even a text of a number repeats.
struct CodecBenchmark {
    private let batches: [MetricBatch]

    private static let count = 16

    init(path: String, ticks: Int, varies: Bool) {
        batches = must("read") {
            var reader = try DCGMReader(path: path)
            var rows = DCGMRows()
            try reader.read(into: &rows)
            var seed: UInt64 = 1
            var values = rows.values
            var time: Int64 = 1_752_871_354_000_000_000
            return (0..<CodecBenchmark.count).map { number in
                var batch = MetricBatch(
                    batchID: "node1-77-\(number)", source: "node1-77", collectedAt: Timestamp(nanoseconds: time))
                let places = reader.series.map { batch.addSeries($0) }
                for _ in 0..<ticks {
                    for i in 0..<rows.count {
                        if varies, values[i] != 0 {
                            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                            values[i] = ((values[i] + Double(Int(seed >> 60)) - 7.5) * 1000).rounded() / 1000
                        }
                        batch.append(seriesIndex: places[Int(rows.seriesIndices[i])], timestamp: time, value: values[i])
                    }
                    time += 1_000_000_000
                }
                return batch
            }
        }
    }

    private var samples: Int { batches.reduce(0) { $0 + $1.count } }

    func library(_ format: BatchFormat) {
        must("code") {
            var encoder = BatchCodec(format: format)
            var decoder = BatchCodec()
            // What comes first in a stream is not what costs: the tables are met once.
            _ = try decoder.decode(try encoder.encode(batches[0]))
            var texts: [[UInt8]] = []
            let start = nanoseconds()
            for batch in batches { texts.append(try encoder.encode(batch)) }
            let middle = nanoseconds()
            var decoded = 0
            var sum = 0.0
            for text in texts {
                let batch = try decoder.decode(text)
                decoded += batch.count
                sum += batch.values.last ?? 0
            }
            let end = nanoseconds()
            guard decoded == samples, sum.isFinite else { fail("\(decoded) samples came back of \(samples)") }
            finish(bytes: texts.reduce(0) { $0 + $1.count }, encode: middle - start, decode: end - middle)
        }
    }

    /// What a Swift service has with Foundation's coders: a struct with strings, and nothing looked up or checked.
    private struct Metric: Codable {
        var timestamp: String
        var metric_name, gpu_id, device, uuid, model_name, hostname, container, pod, namespace: String
        var value: Double
        var labels: [String: String]
    }

    private struct Batch: Codable {
        var batch_id, source, collected_at: String
        var metrics: [Metric]
    }

    func foundation() {
        must("code") {
            let plain = batches.map { batch in
                Batch(
                    batch_id: batch.batchID, source: batch.source, collected_at: batch.collectedAt.description,
                    metrics: batch.metrics.map { metric in
                        Metric(
                            timestamp: metric.timestamp.description, metric_name: metric.metricName,
                            gpu_id: metric.gpu.gpuID,
                            device: metric.gpu.device, uuid: metric.gpu.uuid, model_name: metric.gpu.modelName,
                            hostname: metric.gpu.hostname, container: metric.gpu.container, pod: metric.gpu.pod,
                            namespace: metric.gpu.namespace, value: metric.value,
                            labels: Dictionary(uniqueKeysWithValues: metric.labels.map { ($0.name, $0.value) }))
                    })
            }
            let encoder = JSONEncoder()
            let decoder = JSONDecoder()
            var texts: [Data] = []
            let start = nanoseconds()
            for batch in plain { texts.append(try encoder.encode(batch)) }
            let middle = nanoseconds()
            var decoded = 0
            for text in texts { decoded += try decoder.decode(Batch.self, from: text).metrics.count }
            let end = nanoseconds()
            guard decoded == samples else { fail("\(decoded) samples came back of \(samples)") }
            finish(bytes: texts.reduce(0) { $0 + $1.count }, encode: middle - start, decode: end - middle)
        }
    }

    private func finish(bytes: Int, encode: Int, decode: Int) {
        report([
            "samples": Double(samples), "bytes_per_sample": Double(bytes) / Double(samples),
            "encoded_per_second": Double(samples) / Double(encode) * 1e9,
            "decoded_per_second": Double(samples) / Double(decode) * 1e9,
        ])
    }
}
