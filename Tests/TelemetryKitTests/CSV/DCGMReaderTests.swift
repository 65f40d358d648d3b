import Foundation
import TelemetryKit
import Testing

@Suite("DCGM reader")
struct DCGMReaderTests {
    static let header =
        "timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw\n"
    static let row =
        #""2025-07-18T20:42:34Z","UTIL","0","nvidia0","GPU-a","H100","host-1","","","","97","a=""1"",b=""x,y""""# + "\n"

    static func read(_ text: String, badRows: BadRowPolicy = .stop) throws -> (
        metrics: [GPUMetric], series: [MetricSeries], bad: BadRows
    ) {
        var reader = try DCGMReader(try CSVReader(bytes: text.utf8, name: "f.csv"), badRows: badRows)
        var metrics: [GPUMetric] = []
        while let metric = try reader.next() { metrics.append(metric) }
        return (metrics, reader.series, reader.badRows)
    }

    @Test("a row becomes a sample with all its parts")
    func oneRow() throws {
        let read = try Self.read(Self.header + Self.row)
        let expected = GPUMetric(
            timestamp: Timestamp(nanoseconds: 1_752_871_354_000_000_000), metricName: "UTIL", gpuID: "0",
            device: "nvidia0",
            uuid: "GPU-a", modelName: "H100", hostname: "host-1", value: 97,
            labels: [MetricLabel(name: "a", value: "1"), MetricLabel(name: "b", value: "x,y")])
        #expect(read.metrics == [expected])
    }

    @Test("columns are found by name in any order and any case, and others are not used")
    func columnOrder() throws {
        let read = try Self.read(
            "VALUE,Extra,hostname,MODEL_NAME,Uuid,device,GPU_ID,Metric_Name,TimeStamp\n1.5,?,h,H100,GPU-a,nvidia0,0,UTIL,2025-07-18T20:42:34Z\n"
        )
        #expect(read.metrics.count == 1)
        #expect(read.metrics[0].value == 1.5)
        #expect(
            read.metrics[0].gpu
                == GPUIdentity(gpuID: "0", device: "nvidia0", uuid: "GPU-a", modelName: "H100", hostname: "h"))
        #expect(read.metrics[0].labels.isEmpty)
    }

    @Test("a file with spaces behind its commas reads as one without them, whoever made the reader")
    func spaces() throws {
        let rows = Self.row + Self.row.replacing("\"", with: "").replacing(",a=1,b=x,y", with: ",")
        let plain = try Self.read(Self.header + rows)
        let spaced = try Self.read((Self.header + rows).replacing(",", with: ", ").replacing("x, y", with: "x,y"))
        #expect(spaced.metrics == plain.metrics && spaced.metrics.count == 2)
        #expect(spaced.metrics[1].gpu.uuid == "GPU-a" && spaced.series.count == 2)
        // What is within quotes stays as it is.
        #expect(
            try Self.read(Self.header + Self.row.replacing("GPU-a", with: " GPU-a")).metrics[0].gpu.uuid == " GPU-a")
    }

    @Test("rows of one identity share one series, also where their bytes differ")
    func interning() throws {
        let bare = "2025-07-18T20:42:35Z,UTIL,0,nvidia0,GPU-a,H100,host-1,,,,98,\"a=\"\"1\"\",b=\"\"x,y\"\",\"\n"
        let other = Self.row.replacing("GPU-a", with: "GPU-b")
        let read = try Self.read(Self.header + Self.row + bare + other + Self.row)
        #expect(read.series.count == 2)
        #expect(read.metrics.map { $0.series === read.series[0] } == [true, true, false, true])
        #expect(read.metrics.map(\.value) == [97, 98, 97, 97])
    }

    @Test("identity fields that join to the same text are different series")
    func fieldBoundaries() throws {
        let read = try Self.read(
            Self.header
                + "2025-07-18T20:42:34Z,UTIL,0,nvidia0,GPU-a,H100,host-1,ab,c,,1,\n2025-07-18T20:42:34Z,UTIL,0,nvidia0,GPU-a,H100,host-1,a,bc,,1,\n"
        )
        #expect(read.series.count == 2)
    }

    @Test("a header without a required column is an error that names it and the file")
    func missingColumns() {
        let error = #expect(throws: CSVError.self) {
            try Self.read("timestamp,metric_name,gpu_id,device,modelName,Hostname\n")
        }
        #expect(error?.kind == .missingColumn)
        #expect(error?.description.contains("f.csv:1") == true)
        #expect(error?.description.contains("lacks the column uuid, value") == true)
        let twice = #expect(throws: CSVError.self) { try Self.read("value,Value," + Self.header) }
        #expect(twice?.kind == .duplicateColumn)
    }

    @Test(
        "a field without meaning is an error with line, column and reason, and never a zero",
        arguments: [
            ("\"97\"", "\"\"", .emptyField, "value", "the value is empty"),
            ("\"97\"", "\"NaN\"", .notFinite, "value", "\"NaN\" is not finite"),
            ("\"97\"", "\"-Inf\"", .notFinite, "value", "\"-Inf\" is not finite"),
            ("\"97\"", "\"1e999\"", .notFinite, "value", "\"1e999\" is not finite"),
            ("\"97\"", "\"97 %\"", .notANumber, "value", "\"97 %\" is not a number"),
            ("\"97\"", "\"0x1F\"", .notANumber, "value", "\"0x1F\" is not a number"),
            ("\"97\"", "\"N\"", .notANumber, "value", "\"N\" is not a number"),
            ("\"97\"", "\"\"\"\"", .notANumber, "value", "is not a number"),
            ("2025-07-18T20:42:34Z", "", .emptyField, "timestamp", "the timestamp is empty"),
            ("2025-07-18T20:42:34Z", "yesterday", .timestamp, "timestamp", "\"yesterday\" is not an RFC 3339 time"),
            ("2025-07-18T20:42:34Z", "2025-02-30T20:42:34Z", .timestamp, "timestamp", "has no day 30"),
            ("UTIL", "", .emptyField, "metric_name", "metric name is empty"),
            ("GPU-a", "", .emptyField, "uuid", "uuid is empty"),
            ("a=\"\"1\"\"", "a=1", .labels, "labels_raw", "expected a quote before the value of a at byte 2"),
        ] as [(String, String, CSVError.Kind, String, String)])
    func badFields(old: String, new: String, kind: CSVError.Kind, column: String, reason: String) throws {
        let bad = Self.row.replacing(old, with: new)
        let text = Self.header + Self.row + bad + Self.row
        let error = try #require(throws: CSVError.self) { try Self.read(text) }
        #expect(error.kind == kind)
        #expect(error.line == 3)
        #expect(error.columnName == column)
        #expect(error.message.contains(reason), "\(error.message)")

        let skipped = try Self.read(text, badRows: .skip)
        #expect(skipped.metrics.map(\.value) == [97, 97])
        #expect(skipped.bad.count == 1 && skipped.bad.countsByKind == [kind: 1] && skipped.bad.first == [error])
    }

    @Test("a row that says that there is no value is counted by reason, and is neither a sample nor bad")
    func noValues() throws {
        func row(_ metric: String, _ value: String) -> String {
            Self.row.replacing("UTIL", with: metric).replacing("97", with: value)
        }
        let text =
            Self.header + Self.row + row("UTIL", "N/A") + row("UTIL", "ERROR - FAILED TO CONVERT TO STRING")
            + row("DCGM_FI_DEV_GPU_TEMP", "2147483634") + row("DCGM_FI_DEV_GPU_TEMP", "9223372036854775793")
            + row("DCGM_FI_DEV_GPU_TEMP", "41") + row("DCGM_FI_DEV_GPU_TEMP", "1000") + Self.row
        for predicts in [true, false] {
            var reader = try DCGMReader(
                try CSVReader(bytes: text.utf8, name: "f.csv"), badRows: .stop, predicts: predicts)
            var rows = DCGMRows()
            try reader.read(into: &rows)
            #expect(rows.values == [97, 41, 1000, 97])
            #expect(reader.rowCount == 4)
            #expect(reader.badRows.count == 0)
            #expect(reader.quality.noValues == [.notAvailable: 1, .notConverted: 1, .notSupported: 1, .notFound: 1])
            #expect(reader.quality.outOfRange == ["DCGM_FI_DEV_GPU_TEMP": 1])
            #expect(
                reader.quality.firstOutOfRange.first?.hasPrefix(
                    "f.csv:8: DCGM_FI_DEV_GPU_TEMP is 1000, not 0 to 150 °C") == true)
        }
    }

    @Test("half a row costs that row alone")
    func halfRow() throws {
        let half = String(Self.row.prefix(60)) + "\n"
        let read = try Self.read(Self.header + Self.row + half + Self.row, badRows: .skip)
        #expect(read.metrics.count == 2)
        #expect(read.bad.count == 1)
        let atEnd = try Self.read(Self.header + Self.row + String(Self.row.prefix(60)), badRows: .skip)
        #expect(atEnd.metrics.count == 1)
        #expect(atEnd.bad.countsByKind == [.quoteNotClosed: 1])
    }

    @Test("bad rows are counted by reason and the first few kept")
    func manyBadRows() throws {
        let bad = Self.row.replacing("\"97\"", with: "\"x\"")
        let read = try Self.read(Self.header + String(repeating: bad, count: 20) + Self.row + "1,2\n", badRows: .skip)
        #expect(read.bad.count == 21)
        #expect(read.bad.countsByKind == [.notANumber: 20, .fieldCount: 1])
        #expect(read.bad.first.count == BadRows.kept)
        #expect(read.metrics.count == 1)
    }

    @Test("the real export is read exactly", .enabled(if: RealExport.isPresent, RealExport.absent))
    func realExport() throws {
        var reader = try DCGMReader(path: RealExport.path)
        var rows = DCGMRows()
        try reader.read(into: &rows)
        #expect(rows.count == 2_470)
        #expect(reader.series.count == 2_470)
        #expect(Set(reader.series.map(\.gpu.uuid)).count == 247)
        #expect(Set(reader.series.map(\.gpu.hostname)).count == 31)
        #expect(Set(reader.series.map(\.metricName)).count == 10)
        #expect(
            reader.series.allSatisfy {
                $0.labels.count == 9 && $0.labels[3] == MetricLabel(name: "__name__", value: $0.metricName)
            })

        // The same rows through the generic reader and Foundation's number and date readers.
        var csv = try CSVReader(path: RealExport.path)
        let calendar = ISO8601DateFormatter()
        var index = 0
        while try csv.next() {
            #expect(calendar.date(from: csv[0])!.timeIntervalSince1970 * 1e9 == Double(rows.timestamps[index]))
            let series = reader.series[Int(rows.seriesIndices[index])]
            let gpu = series.gpu
            let read = [
                series.metricName, gpu.gpuID, gpu.device, gpu.uuid, gpu.modelName, gpu.hostname, gpu.container, gpu.pod,
                gpu.namespace,
            ]
            #expect(read == (1...9).map { csv[$0] })
            #expect(Double(csv[10]) == rows.values[index])
            #expect(series.labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",") == csv[11])
            index += 1
        }
        #expect(index == 2_470)
    }
}
