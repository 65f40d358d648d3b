import Foundation
import TelemetryKit
import Testing

@Suite("Concurrent reading")
struct ConcurrentReadingTests {
    /// Everything that a reading says, with the series written out: their numbers are each reader's own.
    struct Reading: Equatable {
        var samples: [GPUMetric] = []
        var rowCount = 0
        var bad = BadRows()
        var quality = ValueQuality()
        var error: CSVError?
    }

    static func one(_ path: String, _ policy: BadRowPolicy, _ configuration: CSVReader.Configuration) throws -> Reading
    {
        var reader = try DCGMReader(path: path, badRows: policy, configuration: configuration)
        var rows = DCGMRows()
        var reading = Reading()
        do throws(CSVError) {
            try reader.read(into: &rows)
            // After an error nobody asks for them.
            reading.rowCount = reader.rowCount
            reading.bad = reader.badRows
            reading.quality = reader.quality
        } catch {
            reading.error = error
        }
        reading.samples = samples(rows, reader.series)
        return reading
    }

    static func many(
        _ path: String, _ policy: BadRowPolicy, _ configuration: CSVReader.Configuration, workers: Int, blockBytes: Int,
        leadRows: Int
    ) async throws -> Reading {
        var reading = Reading()
        do {
            let summary = try await DCGMReader.readConcurrently(
                path: path, workers: workers, blockBytes: blockBytes, leadRows: leadRows, badRows: policy,
                configuration: configuration
            ) { rows, series in
                reading.samples += samples(rows, series)
            }
            reading.rowCount = summary.rowCount
            reading.bad = summary.badRows
            reading.quality = summary.quality
            #expect(Set(reading.samples.map(\.series)).isSubset(of: summary.series))
        } catch let error as CSVError {
            reading.error = error
        }
        return reading
    }

    static func samples(_ rows: DCGMRows, _ series: [MetricSeries]) -> [GPUMetric] {
        (0..<rows.count).map {
            GPUMetric(
                timestamp: Timestamp(nanoseconds: rows.timestamps[$0]), value: rows.values[$0],
                series: series[Int(rows.seriesIndices[$0])])
        }
    }

    /// Rows with all that can go wrong, and with line ends where they mislead.
    static func text(_ random: inout SeededRandom, rows: Int) -> [UInt8] {
        var text = "\u{FEFF}timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,value,labels_raw,extra\n"
        for _ in 0..<rows {
            let gpu = Int.random(in: 0..<5, using: &random)
            let value = ["1", "97.5", "N/A", "2147483632", "250", "x", "", "-3"].randomElement(using: &random)!
            let extra = [
                "", "\"two\nlines\"", "\"\n2025-07-18T20:42:34Z,T,0,d,GPU-9,H,h,5,,\n\"", "\"a \"\"quote\"\"\n\"",
                "\"open", "\n",
            ]
            let metric =
                Bool.random(using: &random) ? "DCGM_FI_DEV_GPU_TEMP" : "T\(Int.random(in: 0..<9, using: &random))"
            var row =
                "2025-07-18T20:42:3\(Int.random(in: 0..<9, using: &random))Z,\(metric),\(gpu),nvidia\(gpu),GPU-\(gpu),H100,host,"
            row += Int.random(in: 0..<3, using: &random) == 0 ? value : "42"
            row +=
                ",\"a=\"\"\(gpu)\"\",b=\"\"x,y\"\"\","
                + (Int.random(in: 0..<5, using: &random) == 0 ? extra.randomElement(using: &random)! : "")
            text += row + (Bool.random(using: &random) ? "\n" : "\r\n")
        }
        if Bool.random(using: &random) { text.removeLast() }
        return Array(text.utf8)
    }

    @Test("several threads read the same as one, wherever the blocks are cut")
    func same() async throws {
        var random = SeededRandom(seed: 4_1)
        let path = FileManager.default.temporaryDirectory.appending(path: "concurrent-\(UUID()).csv").path
        defer { unlink(path) }
        var rows = 0
        var bad = 0
        for round in 0..<120 {
            let bytes = Self.text(&random, rows: Int.random(in: 0...60, using: &random))
            try Data(bytes).write(to: URL(filePath: path))
            var configuration = CSVReader.Configuration()
            configuration.chunkSize = [1, 64, 1 << 16].randomElement(using: &random)!
            configuration.maxRowBytes = [200, 1 << 20].randomElement(using: &random)!
            for policy in BadRowPolicy.allCases {
                let expected = try Self.one(path, policy, configuration)
                let blockBytes = [1, 16, 100, 333, 4096, 1 << 20].randomElement(using: &random)!
                let workers = Int.random(in: 1...4, using: &random)
                let leadRows = [0, 1, 5, 4096].randomElement(using: &random)!
                let read = try await Self.many(
                    path, policy, configuration, workers: workers, blockBytes: blockBytes, leadRows: leadRows)
                #expect((read == expected) as Bool, "round \(round), \(workers) workers, blocks of \(blockBytes)")
                rows += expected.samples.count
                bad += expected.bad.count
            }
        }
        #expect(rows > 2_000 && bad > 200)
    }

    @Test(
        "the real export, repeated, is read by two threads as by one",
        .enabled(if: RealExport.isPresent, RealExport.absent))
    func realExport() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "concurrent-\(UUID()).csv").path
        defer { unlink(path) }
        let export = try Data(contentsOf: URL(filePath: RealExport.path))
        let header = export.firstIndex(of: 0x0A)! + 1
        var text = export
        for _ in 0..<9 { text += export[header...] }
        try text.write(to: URL(filePath: path))
        let expected = try Self.one(path, .stop, .init())
        let read = try await Self.many(path, .stop, .init(), workers: 2, blockBytes: 1 << 20, leadRows: 4_096)
        #expect(read == expected)
        #expect(read.rowCount == 24_700)
    }

    @Test("a file that appears under the same name in the meantime is not mixed in")
    func replaced() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "concurrent-\(UUID()).csv").path
        defer { unlink(path) }
        func write(_ uuid: String) throws {
            let row = DCGMReaderTests.row.replacing("GPU-a", with: uuid)
            try (DCGMReaderTests.header + String(repeating: row, count: 2_000)).write(
                toFile: path, atomically: true, encoding: .utf8)
        }
        try write("GPU-old")
        var seen: Set<String> = []
        let summary = try await DCGMReader.readConcurrently(
            path: path, workers: 2, blockBytes: 10_000, leadRows: 100, badRows: .stop, configuration: .init()
        ) { _, series in
            if seen.isEmpty { try write("GPU-new") }
            seen.formUnion(series.map(\.gpu.uuid))
        }
        #expect(seen == ["GPU-old"])
        #expect(summary.rowCount == 2_000)
    }

    @Test("a pipe is read too, by one thread")
    func pipe() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "concurrent-\(UUID()).fifo").path
        defer { unlink(path) }
        #expect(mkfifo(path, 0o600) == 0)
        let text = DCGMReaderTests.header + String(repeating: DCGMReaderTests.row, count: 500)
        let writing = Task.detached { try text.write(toFile: path, atomically: false, encoding: .utf8) }
        var rows = 0
        let summary = try await DCGMReader.readConcurrently(path: path, workers: 2) { block, _ in rows += block.count }
        try await writing.value
        #expect(rows == 500 && summary.rowCount == 500)
    }

    @Test("what the body throws ends the reading")
    func bodyThrows() async throws {
        struct Enough: Error {}
        await #expect(throws: Enough.self) {
            _ = try await DCGMReader.readConcurrently(
                path: SampleTests.sample.path, workers: 2, blockBytes: 4_096, leadRows: 100, badRows: .stop,
                configuration: .init()
            ) { _, _ in
                throw Enough()
            }
        }
    }
}
