import Foundation
import Synchronization
import TelemetryKit
import Testing

@Suite("CSV source")
struct CSVSourceTests {
    /// A file of so many rows a host, each a series of its own; gone with the value.
    final class Export {
        let path: String
        init(_ text: String) throws {
            path = FileManager.default.temporaryDirectory.appending(path: "export-\(UUID()).csv").path
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        convenience init(hosts: [String], rows: Int) throws {
            var text = DCGMReaderTests.header
            for row in 0..<rows {
                for host in hosts {
                    text += "2025-07-18T20:42:34Z,UTIL,\(row),nvidia\(row),GPU-\(host)-\(row),H100,\(host),,,,\(row),\n"
                }
            }
            try self.init(text)
        }
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    static func configuration(_ path: String, _ change: (inout CSVSource.Configuration) -> Void = { _ in })
        -> CSVSource.Configuration
    {
        var configuration = CSVSource.Configuration(path: path, source: "test")
        change(&configuration)
        return configuration
    }

    static func batches(
        _ configuration: CSVSource.Configuration, clock: PipelineClock = LeapingClock().clock, atMost: Int = .max
    ) async throws -> ([MetricBatch], SourceProgress) {
        var source = try CSVSource(configuration, clock: clock)
        var batches: [MetricBatch] = []
        while batches.count < atMost, let batch = try await source.next() { batches.append(batch) }
        return (batches, source.progress)
    }

    @Test("rows come in order, in batches of the asked size and the rest, each with an id of its own")
    func sizes() async throws {
        let export = try Export(hosts: ["a", "b"], rows: 5)
        let (batches, progress) = try await Self.batches(Self.configuration(export.path) { $0.batchSize = 4 })
        #expect(batches.map(\.count) == [4, 4, 2])
        #expect(batches.flatMap { $0.metrics.map(\.gpu.uuid) } == (0..<5).flatMap { ["GPU-a-\($0)", "GPU-b-\($0)"] })
        #expect(Set(batches.map(\.batchID)).count == 3)
        #expect(batches.allSatisfy { $0.source == "test" })
        #expect(progress.rowsRead == 10 && progress.rowsSelected == 10 && progress.passes == 1)
        #expect(progress.bytesRead == progress.totalBytes && progress.totalBytes > 0)
    }

    @Test("a time that is discarded rejects no row; one that is wanted does", arguments: SampleTimestamps.allCases)
    func discardedTimes(timestamps: SampleTimestamps) async throws {
        let times = [
            "2025-07-18T20:42:34Z", "yesterday", "", "2025-07-18 20:42:34.123456789012Z", "0001-01-01T00:00:00Z",
            "2025-07-18T20:42:35Z",
        ]
        let rows = times.map { "\($0),UTIL,0,nvidia0,GPU-a,H100,h,,,,1,\n" }
        let export = try Export(DCGMReaderTests.header + rows.joined() + rows.joined())
        let (batches, progress) = try await Self.batches(Self.configuration(export.path) { $0.timestamps = timestamps })
        #expect(progress.rejected.count == (timestamps == .now ? 0 : 8))
        #expect(batches.flatMap(\.values).count == (timestamps == .now ? 12 : 4) && progress.rejectedFiles.isEmpty)
    }

    @Test(
        "a file of which every row is rejected is a rejected file; one with a header alone, or without values, is none")
    func allRejected() async throws {
        let bad = "x,UTIL,0,nvidia0,GPU-a,H100,h,,,,1,\n"
        let blank = "2025-07-18T20:42:34Z,UTIL,0,nvidia0,GPU-a,H100,h,,,,N/A,\n"
        let good = blank.replacing("N/A", with: "1")
        for (rows, isRejected) in [
            (bad + bad, true), ("\(bad)half a row\n", true), ("", false), (blank, false), (bad + blank, false),
            (bad + good, false),
        ] {
            let export = try Export(DCGMReaderTests.header + rows)
            let (_, progress) = try await Self.batches(Self.configuration(export.path))
            #expect(progress.rejectedFiles.isEmpty != isRejected, "\(rows)")
            if isRejected {
                let reason = progress.rejectedFiles[export.path] ?? ""
                #expect(
                    reason.hasPrefix(
                        "\(export.path): all 2 rows are rejected, the first because \"x\" is not an RFC 3339 time"),
                    "\(reason)")
            }
        }
    }

    @Test("of several files, each is judged alone, and again in each pass")
    func someRejected() async throws {
        let good = "2025-07-18T20:42:34Z,UTIL,0,nvidia0,GPU-a,H100,h,,,,1,\n"
        let directory = try InputDirectory([
            "1.csv": DCGMReaderTests.header + good, "2.csv": DCGMReaderTests.header + "half\n",
            "3.csv": DCGMReaderTests.header + good,
        ])
        var source = try CSVSource(
            Self.configuration(directory.path) {
                $0.loop = true
                $0.batchSize = 2
            }, clock: LeapingClock().clock)
        #expect(try await source.next()?.count == 2)
        #expect(source.progress.rejectedFiles.keys.sorted() == [directory.path + "/2.csv"])
        try directory.write(DCGMReaderTests.header + good, to: "2.csv")
        #expect(try await source.next()?.count == 2)
        #expect(try await source.next()?.count == 2)
        #expect(source.progress.rejectedFiles.isEmpty)
    }

    @Test("a batch leaves when its time is over, and a rate is kept")
    func rate() async throws {
        let export = try Export(hosts: ["a"], rows: 100)
        let time = LeapingClock()
        let (batches, _) = try await Self.batches(
            Self.configuration(export.path) {
                $0.rate = 10
                $0.interval = .seconds(2)
            }, clock: time.clock)
        #expect(batches.map(\.count).reduce(0, +) == 100)
        #expect(batches.dropLast().allSatisfy { (20...21).contains($0.count) }, "\(batches.map(\.count))")
        #expect(time.elapsed > .seconds(9.8) && time.elapsed < .seconds(10.2))
    }

    @Test("hosts are chosen by name or pattern")
    func hosts() async throws {
        let export = try Export(hosts: ["node-1", "node-2", "gpu-1"], rows: 2)
        for (filter, expected) in [
            ("node-2", ["node-2"]), (" node-1 , gpu-1 ", ["gpu-1", "node-1"]), ("node-*", ["node-1", "node-2"]),
            ("*-[1]", ["gpu-1", "node-1"]),
            ("", ["gpu-1", "node-1", "node-2"]), ("none", []),
        ] {
            let (batches, progress) = try await Self.batches(
                Self.configuration(export.path) { $0.hosts = HostFilter(filter) })
            #expect(Set(batches.flatMap { $0.metrics.map(\.gpu.hostname) }) == Set(expected), "\(filter)")
            #expect(progress.rowsRead == 6 && progress.rowsSelected == expected.count * 2)
        }
    }

    @Test("a loop goes on from the start with the same series objects")
    func loop() async throws {
        let export = try Export(hosts: ["a"], rows: 3)
        let (batches, progress) = try await Self.batches(
            Self.configuration(export.path) {
                $0.loop = true
                $0.batchSize = 3
            }, atMost: 4)
        #expect(batches.map(\.count) == [3, 3, 3, 3])
        #expect(batches[3].series[0] === batches[0].series[0])
        #expect(progress.rowsRead == 12)
    }

    @Test("a loop over a file that gives no row ends")
    func emptyLoop() async throws {
        let export = try Export(DCGMReaderTests.header + "1,2\n")
        let (batches, progress) = try await Self.batches(Self.configuration(export.path) { $0.loop = true })
        #expect(batches.isEmpty)
        #expect(progress.rejected.countsByReason == ["wrong number of fields": 1])
    }

    @Test("stamps are the time of reading, and no two samples of one metric of a GPU share one")
    func stamps() async throws {
        // Two series that differ in the pod alone are one to a store.
        let row = "2020-01-01T00:00:00Z,UTIL,0,nvidia0,GPU-a,H100,h,c,pod-1,n,1,\n"
        let export = try Export(
            DCGMReaderTests.header + row + row.replacing("pod-1", with: "pod-2") + row
                + row.replacing("GPU-a", with: "GPU-b"))
        let time = LeapingClock(start: Timestamp(nanoseconds: 1_000))
        let (batches, _) = try await Self.batches(
            Self.configuration(export.path) {
                $0.timestamps = .now
                $0.loop = true
                $0.batchSize = 4
            }, clock: time.clock, atMost: 2)
        #expect(batches[0].timestamps == [1_000, 1_001, 1_002, 1_000])
        #expect(batches[1].timestamps == [1_003, 1_004, 1_005, 1_001])
        #expect(batches[0].series.count == 3)
    }

    @Test("a clock that is set back makes no stamp twice")
    func clockSetBack() async throws {
        let export = try Export(hosts: ["a"], rows: 1)
        let walls = [5_000, 5_000, 1_000, 1_000, 7_000].map { Timestamp(nanoseconds: $0) }
        let readings = Atomic(0)
        let clock = PipelineClock(
            wall: { walls[min(readings.add(1, ordering: .relaxed).oldValue, walls.count - 1)] }, monotonic: { .zero },
            sleep: { _ in })
        let (batches, _) = try await Self.batches(
            Self.configuration(export.path) {
                $0.timestamps = .now
                $0.loop = true
                $0.batchSize = 1
            }, clock: clock, atMost: 3)
        let stamps = batches.flatMap(\.timestamps)
        #expect(stamps == stamps.sorted() && Set(stamps).count == 3, "\(stamps)")
    }

    @Test("a bad row stops the source where that is asked for, after the rows before it")
    func stop() async throws {
        let export = try Export(DCGMReaderTests.header + DCGMReaderTests.row + "broken\n" + DCGMReaderTests.row)
        var source = try CSVSource(Self.configuration(export.path) { $0.badRows = .stop }, clock: LeapingClock().clock)
        #expect(try await source.next()?.count == 1)
        do {
            _ = try await source.next()
            Issue.record("no error")
        } catch {
            #expect(error.line == 3 && error.kind == .fieldCount)
        }
        #expect(try await source.next() == nil)
    }

    @Test("a file that is gone when a loop begins again is an error, after the rows that were read")
    func goneInLoop() async throws {
        let export = try Export(hosts: ["a"], rows: 3)
        var source = try CSVSource(
            Self.configuration(export.path) {
                $0.loop = true
                $0.batchSize = 2
            }, clock: LeapingClock().clock)
        #expect(try await source.next()?.count == 2)
        try FileManager.default.removeItem(atPath: export.path)
        #expect(try await source.next()?.count == 1)
        do {
            _ = try await source.next()
            Issue.record("no error")
        } catch {
            #expect(error.kind == .unreadable)
        }
    }

    @Test("a cancelled task gets what was collected and then the end")
    func cancellation() async throws {
        let export = try Export(hosts: ["a"], rows: 10)
        let time = HandClock()
        let path = export.path
        let task = Task {
            var source = try CSVSource(
                Self.configuration(path) {
                    $0.rate = 1
                    $0.interval = .seconds(3_600)
                }, clock: time.clock)
            let first = try await source.next()
            let second = try await source.next()
            return (first, second)
        }
        await time.sleeperArrives()
        task.cancel()
        let (first, second) = try await task.value
        #expect(first?.count == 1)
        #expect(second == nil)
    }

    @Test("a missing file is an error that names it")
    func missing() {
        let error = #expect(throws: CSVError.self) { _ = try CSVSource(Self.configuration("/nonexistent.csv")) }
        #expect(error?.description == "/nonexistent.csv: No such file or directory")
    }

    @Test("the real export passes through batches unchanged", .enabled(if: RealExport.isPresent, RealExport.absent))
    func realExport() async throws {
        var reader = try DCGMReader(path: RealExport.path)
        var expected: [GPUMetric] = []
        while let metric = try reader.next() { expected.append(metric) }
        let (batches, _) = try await Self.batches(Self.configuration(RealExport.path) { $0.batchSize = 700 })
        var codec = BatchCodec()
        var received: [GPUMetric] = []
        for batch in batches { received += try codec.decode(try codec.encode(batch)).metrics }
        #expect(received == expected)
    }
}
