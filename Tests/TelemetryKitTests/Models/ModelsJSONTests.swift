import Foundation
import TelemetryBase
import TelemetryKit
import Testing

@Suite("JSON of the models")
struct ModelsJSONTests {
    let metric = GPUMetric(
        timestamp: Timestamp(nanoseconds: 1_752_871_354_000_000_000), metricName: "DCGM_FI_DEV_POWER_USAGE", gpuID: "3",
        device: "nvidia3", uuid: "GPU-a", modelName: "NVIDIA H100 \"80GB\"", hostname: "host-1", container: "train",
        pod: "job-0", namespace: "research", value: 412.25,
        labels: [MetricLabel(name: "driver", value: "535.129.03"), MetricLabel(name: "note", value: "a\nb")])

    @Test("a metric has the documented members in their order")
    func metricText() {
        var writer = ByteWriter()
        writer.appendJSON(metric)
        #expect(
            String(decoding: writer.bytes, as: UTF8.self) == #"""
                {"timestamp":"2025-07-18T20:42:34Z","metric_name":"DCGM_FI_DEV_POWER_USAGE","gpu_id":"3","device":"nvidia3",\#
                "uuid":"GPU-a","model_name":"NVIDIA H100 \"80GB\"","hostname":"host-1","container":"train","pod":"job-0",\#
                "namespace":"research","value":412.25,"labels":{"driver":"535.129.03","note":"a\nb"}}
                """#)
    }

    @Test("what the writer writes, Codable reads, and the reverse")
    func codable() throws {
        var writer = ByteWriter()
        writer.appendJSON(metric)
        #expect(try JSONDecoder().decode(GPUMetric.self, from: Data(writer.bytes)) == metric)
        #expect(try JSONDecoder().decode(GPUMetric.self, from: JSONEncoder().encode(metric)) == metric)

        let batch = MetricBatch(batchID: "b", source: "s", collectedAt: metric.timestamp, metrics: [metric, metric])
        let back = try JSONDecoder().decode(MetricBatch.self, from: JSONEncoder().encode(batch))
        #expect(Array(back.metrics) == [metric, metric])
        #expect(back.series.count == 1)
        #expect(back.batchID == "b" && back.source == "s" && back.collectedAt == metric.timestamp)
    }

    @Test("Codable refuses a value that is no time, and a metric without its uuid")
    func refuses() {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Timestamp.self, from: Data(#""2025-07-18""#.utf8))
        }
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(
                GPUMetric.self, from: Data(#"{"timestamp":"2025-07-18T20:42:34Z","metric_name":"m","value":1}"#.utf8))
        }
    }
}
