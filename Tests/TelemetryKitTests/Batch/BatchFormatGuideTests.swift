import Foundation
import TelemetryKit
import Testing

@Suite("Batch format guide")
struct BatchFormatGuideTests {
    @Test("the examples in Docs/BatchFormat.md are what the reader reads")
    func examples() throws {
        let guide = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(
                path: "../../../Docs/BatchFormat.md"),
            encoding: .utf8)
        let examples = guide.components(separatedBy: "```json\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(examples.count == 2)
        let plain = try MetricBatch.decode(json: Array(examples[0].utf8))
        #expect(plain.values == [97])
        let columnar = try MetricBatch.decode(json: Array(examples[1].utf8))
        #expect(columnar.values == [97, 412.25, 98, 409.5])
        #expect(columnar.metrics.map(\.metricName.last) == ["L", "E", "L", "E"])
        #expect(
            columnar.metrics.map(\.timestamp.description) == ["34", "34", "35", "35"].map { "2025-07-18T20:42:\($0)Z" })
        #expect(
            columnar.metrics[0].labels == [
                MetricLabel(name: "instance", value: "node1:9400"), MetricLabel(name: "UUID", value: "GPU-5fd4f087"),
                MetricLabel(name: "job", value: "dcgm"),
            ])
    }
}
