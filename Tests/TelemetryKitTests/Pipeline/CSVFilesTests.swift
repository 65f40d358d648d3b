import Foundation
import Synchronization
import TelemetryKit
import Testing

@Suite("CSV source over several files")
struct CSVFilesTests {
    static let header = DCGMReaderTests.header

    static func rows(_ gpus: String...) -> String {
        gpus.map { "2025-07-18T20:42:34Z,UTIL,0,nvidia0,GPU-\($0),H100,host,,,,1,\n" }.joined()
    }

    static func gpus(_ batches: [MetricBatch]) -> [String] {
        batches.flatMap { $0.metrics.map { String($0.gpu.uuid.dropFirst(4)) } }
    }

    @Test("files are read in order as one run, with one table of series, and their bytes are counted together")
    func order() async throws {
        let directory = try InputDirectory([
            "2.csv": Self.header + Self.rows("c", "a"), "1.csv": Self.header + Self.rows("a", "b"),
            "3.csv":
                "value,Hostname,modelName,uuid,device,gpu_id,metric_name,timestamp\n7,host,H100,GPU-a,nvidia0,0,UTIL,2025-07-18T20:42:35Z\n",
        ])
        let (batches, progress) = try await CSVSourceTests.batches(CSVSourceTests.configuration(directory.path))
        #expect(Self.gpus(batches) == ["a", "b", "c", "a", "a"])
        // Other columns in another order, and still the same series.
        #expect(batches[0].series.count == 3)
        #expect(progress.rowsRead == 5 && progress.passes == 1 && progress.rejectedFiles.isEmpty)
        let size = try ["1", "2", "3"].reduce(0) {
            try $0 + Data(contentsOf: URL(filePath: directory.path + "/\($1).csv")).count
        }
        #expect(progress.totalBytes == size && progress.bytesRead == size)
    }

    @Test("files that cannot be read are told with their reason, and the others are read")
    func badFiles() async throws {
        let directory = try InputDirectory([
            "1.csv": "", "2.csv": Self.header + Self.rows("a"), "3.csv": "a,b\n1,2\n",
            "4.csv": Self.header + Self.rows("b") + "broken\n", "5.csv": "",
        ])
        #expect(mkfifo(directory.path + "/6.csv", 0o600) == 0)
        let (batches, progress) = try await CSVSourceTests.batches(CSVSourceTests.configuration(directory.path))
        #expect(Self.gpus(batches) == ["a", "b"])
        #expect(progress.rejected.countsByReason == ["wrong number of fields": 1])
        #expect(progress.rejected.first == ["\(directory.path)/4.csv:3: 1 fields instead of 12"])
        #expect(progress.rejectedFiles.keys.sorted() == [1, 3, 5, 6].map { "\(directory.path)/\($0).csv" })
        #expect(progress.rejectedFiles[directory.path + "/1.csv"] == "\(directory.path)/1.csv: it is empty: no header")
        #expect(progress.rejectedFiles[directory.path + "/3.csv"]?.contains("lacks the column timestamp") == true)
        #expect(
            progress.rejectedFiles[directory.path + "/6.csv"]?.contains("a pipe is read only if it is the only input")
                == true)
        #expect(progress.bytesRead == progress.totalBytes)
    }

    @Test("where none of several files can be read, the first one's reason is the error")
    func allBad() throws {
        let directory = try InputDirectory(["1.csv": "a,b\n", "2.csv": ""])
        let error = #expect(throws: CSVError.self) { _ = try CSVSource(CSVSourceTests.configuration(directory.path)) }
        #expect(error?.kind == .missingColumn && error?.file == directory.path + "/1.csv")
    }

    @Test("where a bad row stops the source, a bad file does")
    func stop() async throws {
        let directory = try InputDirectory([
            "1.csv": Self.header + Self.rows("a"), "2.csv": "", "3.csv": Self.header + Self.rows("b"),
        ])
        var source = try CSVSource(
            CSVSourceTests.configuration(directory.path) { $0.badRows = .stop }, clock: LeapingClock().clock)
        #expect(try await source.next()?.count == 1)
        await #expect(throws: CSVError.self) { _ = try await source.next() }
        #expect(try await source.next() == nil)
    }

    @Test("a loop takes up the files that came, leaves those that went, and reads what was bad again")
    func loop() async throws {
        let directory = try InputDirectory([
            "1.csv": Self.header + Self.rows("a"), "2.csv": "", "3.csv": Self.header + Self.rows("c"),
        ])
        var source = try CSVSource(
            CSVSourceTests.configuration(directory.path) {
                $0.loop = true
                $0.batchSize = 2
            }, clock: LeapingClock().clock)
        #expect(Self.gpus([try #require(try await source.next())]) == ["a", "c"])
        #expect(source.progress.rejectedFiles.keys.sorted() == [directory.path + "/2.csv"])

        try directory.remove("1.csv")
        try directory.write(Self.header + Self.rows("b"), to: "2.csv")
        try directory.write(Self.header + Self.rows("d", "e", "f"), to: "4.csv")
        #expect(
            Self.gpus([try #require(try await source.next()), try #require(try await source.next())]) == [
                "b", "c", "d", "e",
            ])
        #expect(source.progress.rejectedFiles.isEmpty && source.progress.passes == 1)

        for name in ["2.csv", "3.csv", "4.csv"] { try directory.remove(name) }
        #expect(Self.gpus([try #require(try await source.next())]) == ["f"])
        do {
            _ = try await source.next()
            Issue.record("no error")
        } catch {
            #expect(error.kind == .noInput)
        }
    }

    @Test("what was read is told before a batch is there")
    func progressIsTold() async throws {
        let directory = try InputDirectory(["1.csv": Self.header + Self.rows("a", "b", "c")])
        let told = Mutex<[SourceProgress]>([])
        _ = try await CSVSourceTests.batches(
            CSVSourceTests.configuration(directory.path + "/1.csv") {
                $0.rate = 1
                $0.onProgress = { progress in told.withLock { $0.append(progress) } }
            })
        #expect(told.withLock { $0.map(\.rowsRead) } == [1, 2, 3, 3])
        #expect(told.withLock { $0.map(\.bytesRead) == $0.map(\.bytesRead).sorted() && $0.last?.passes == 1 })
    }
}
