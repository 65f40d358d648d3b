import Foundation
import TelemetryKit
import Testing

@Suite("Sample export")
struct SampleTests {
    static let package = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
    static let sample = package.appending(path: "deploy/sample/dcgm_sample.csv")

    @Test("the generator reproduces the committed sample byte for byte")
    func generator() throws {
        let output = FileManager.default.temporaryDirectory.appending(path: "sample-\(UUID()).csv")
        defer { try? FileManager.default.removeItem(at: output) }
        let python = Process()
        python.executableURL = URL(filePath: "/usr/bin/env")
        python.arguments = ["python3", Self.package.appending(path: "scripts/make-sample.py").path, output.path]
        python.standardOutput = FileHandle.nullDevice
        try python.run()
        python.waitUntilExit()
        #expect(python.terminationStatus == 0)
        #expect(try Data(contentsOf: output) == Data(contentsOf: Self.sample))
    }

    @Test("the sample is small and reads without a bad row: 64 GPUs, 10 metrics, 3 ticks")
    func contents() throws {
        #expect(try Data(contentsOf: Self.sample).count < 500_000)
        var reader = try DCGMReader(path: Self.sample.path)
        var rows = DCGMRows()
        try reader.read(into: &rows)
        #expect(rows.count == 64 * 10 * 3)
        #expect(reader.series.count == 640)
        #expect(Set(reader.series.map(\.gpu.uuid)).count == 64)
        #expect(Set(reader.series.map(\.gpu.hostname)).count == 8)
        #expect(Set(reader.series.map(\.gpu.modelName)).count == 2)
        #expect(Set(reader.series.map(\.metricName)).count == 10)
        #expect(reader.series.allSatisfy { !$0.labels.isEmpty })
        #expect(reader.series.contains { !$0.gpu.pod.isEmpty })
        // No sample replaces another.
        struct Identity: Hashable {
            var series: UInt32
            var time: Int64
        }
        #expect(
            Set((0..<rows.count).map { Identity(series: rows.seriesIndices[$0], time: rows.timestamps[$0]) }).count
                == rows.count)
    }
}
