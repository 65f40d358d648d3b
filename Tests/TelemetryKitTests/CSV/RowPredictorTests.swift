import Foundation
import TelemetryKit
import Testing

@Suite("Row prediction")
struct RowPredictorTests {
    /// Everything that a reader says about a text.
    struct Reading: Equatable {
        var series: [MetricSeries]
        var indices: [UInt32]
        var times: [Int64]
        var values: [UInt64]
        var bad: BadRows
        var quality: ValueQuality
        var error: CSVError?
    }

    static func read(_ text: [UInt8], predicts: Bool, policy: BadRowPolicy, chunk: Int, maxRowBytes: Int) throws
        -> Reading
    {
        var configuration = CSVReader.Configuration()
        configuration.chunkSize = chunk
        configuration.maxRowBytes = maxRowBytes
        let csv = try CSVReader(name: "f.csv", configuration: configuration, source: chunks(text, of: chunk))
        var reader = try DCGMReader(csv, badRows: policy, predicts: predicts)
        var rows = DCGMRows()
        var failure: CSVError?
        do throws(CSVError) {
            try reader.read(into: &rows)
        } catch {
            failure = error
        }
        return Reading(
            series: reader.series, indices: rows.seriesIndices, times: rows.timestamps,
            values: rows.values.map(\.bitPattern),
            bad: reader.badRows, quality: reader.quality, error: failure)
    }

    @Test("a reader that predicts rows reads the same as one that takes every row apart")
    func same() throws {
        var random = SeededRandom(seed: 77)
        let columns = [
            "timestamp", "metric_name", "gpu_id", "device", "uuid", "modelName", "Hostname", "value", "labels_raw",
            "extra",
        ]
        var predictable = 0
        for round in 0..<700 {
            let order = columns.shuffled(using: &random)
            let quoted = Bool.random(using: &random)
            // Spaces around fields are not part of them, in front of a quote either.
            let separator = [",", ",", ", ", " ,\t"].randomElement(using: &random)!
            let lineEnd = Bool.random(using: &random) ? "\n" : "\r\n"
            func field(_ text: String) -> String {
                quoted || text.contains("\"") || text.contains(",")
                    ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
            }
            var text = order.joined(separator: separator) + lineEnd
            let gpus = Int.random(in: 1...4, using: &random)
            for tick in 0..<Int.random(in: 2...6, using: &random) {
                for gpu in 0..<gpus {
                    let times = [
                        "2025-07-18T20:42:3\(tick)Z", "2025-07-18T20:42:3\(tick).5Z", "2025-07-18t20:42:3\(tick)+01:00",
                        "x",
                    ]
                    let values = [
                        "1", "-2.5", "1e3", "71.483", "", "NaN", "1e999", "+7", "1-1", "--", ".", "N/A", "2147483633",
                        "9223372036854775794", String(repeating: "1", count: 40),
                    ]
                    let common = Int.random(in: 0..<4, using: &random) > 0
                    let fields = [
                        "timestamp": common ? times[0] : times.randomElement(using: &random)!,
                        "metric_name": gpu == 1 ? "DCGM_FI_DEV_GPU_TEMP" : "UTIL", "gpu_id": "\(gpu)",
                        "device": "nvidia\(gpu)",
                        "uuid": Int.random(in: 0..<30, using: &random) == 0 ? "" : "GPU-\(gpu)", "modelName": "H100",
                        "Hostname": Int.random(in: 0..<12, using: &random) == 0 ? "other" : "host",
                        "value": common ? values[gpu % 4] : values.randomElement(using: &random)!,
                        "labels_raw": "a=\"\(gpu)\",b=\"x,y\"",
                        "extra": gpu == 0 ? "two\nlines" : "",
                    ]
                    var row = order.map { name in name == "extra" && gpu == 0 ? "\"two\nlines\"" : field(fields[name]!)
                    }.joined(separator: separator)
                    if Int.random(in: 0..<20, using: &random) == 0, let at = row.indices.randomElement(using: &random) {
                        row.replaceSubrange(
                            at...at, with: ["\"", ",", "\n", "", "9", " "].randomElement(using: &random)!)
                    }
                    text += row + (Int.random(in: 0..<30, using: &random) == 0 ? "" : lineEnd)
                }
            }
            let bytes = Array(text.utf8)
            for policy in BadRowPolicy.allCases {
                let chunk = [1, 7, 64, 1 << 16].randomElement(using: &random)!
                let limit = [60, 120, 1 << 20].randomElement(using: &random)!
                guard
                    let plain = try? Self.read(
                        bytes, predicts: false, policy: policy, chunk: 1 << 16, maxRowBytes: limit)
                else { continue }
                let predicted = try Self.read(bytes, predicts: true, policy: policy, chunk: chunk, maxRowBytes: limit)
                #expect(predicted == plain, "round \(round), chunks of \(chunk), rows of \(limit):\n\(text)")
                predictable += plain.indices.count
            }
        }
        #expect(predictable > 3_000)
    }

    @Test("the real export, repeated, reads the same either way", .enabled(if: RealExport.isPresent, RealExport.absent))
    func realExport() throws {
        let file = Array(try Data(contentsOf: URL(filePath: RealExport.path)))
        let body = file[(file.firstIndex(of: 0x0A)! + 1)...]
        let text = file + body + body
        let plain = try Self.read(text, predicts: false, policy: .stop, chunk: 1 << 16, maxRowBytes: 1 << 20)
        let predicted = try Self.read(text, predicts: true, policy: .stop, chunk: 1 << 16, maxRowBytes: 1 << 20)
        #expect(plain.indices.count == 7_410)
        #expect(predicted == plain)
    }
}
