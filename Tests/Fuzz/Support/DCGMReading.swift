import TelemetryBase
import TelemetryKit

/// Everything that a reading of a DCGM export says, with the series of the samples written out: their numbers are each reader's own.
struct DCGMReading: Sendable {
    private struct Sample: Equatable {
        var series: MetricSeries
        var time: Int64
        var value: UInt64

        static func == (a: Sample, b: Sample) -> Bool {
            a.time == b.time && a.value == b.value && a.series.hasBytes(of: b.series)
        }
    }

    private var samples: [Sample] = []
    private var rowCount = 0
    private var badRows = BadRows()
    private var quality = ValueQuality()
    private(set) var error: CSVError?
    /// What is no ``CSVError``, or contradicts itself.
    private var surprise: String?

    init(
        _ text: [UInt8], name: String, predicts: Bool, _ configuration: CSVReader.Configuration, _ chunk: Int,
        _ policy: BadRowPolicy,
        limit: Int
    ) {
        var configuration = configuration
        configuration.chunkSize = chunk
        // As a reader of a path has it, for the header too.
        configuration.trimsSpaces = true
        do throws(CSVError) {
            let csv = try CSVReader(name: name, configuration: configuration, source: chunks(text, of: chunk))
            var reader = try DCGMReader(csv, badRows: policy, predicts: predicts)
            read(&reader, limit)
        } catch {
            self.error = error
        }
    }

    private mutating func read(_ reader: inout DCGMReader, _ limit: Int) {
        var rows = DCGMRows()
        do throws(CSVError) {
            while true {
                let before = rows.count
                let added = try reader.read(into: &rows, limit: limit)
                if rows.count - before != added {
                    surprise = "\(added) rows were told and \(rows.count - before) given"
                }
                if added < limit { break }
            }
        } catch {
            self.error = error
        }
        add(rows, reader.series)
        rowCount = reader.rowCount
        badRows = reader.badRows
        quality = reader.quality
    }

    init(
        path: String, _ configuration: CSVReader.Configuration, _ policy: BadRowPolicy, workers: Int, blockBytes: Int,
        leadRows: Int
    ) async {
        do {
            let summary = try await DCGMReader.readConcurrently(
                path: path, workers: workers, blockBytes: blockBytes, leadRows: leadRows, badRows: policy,
                configuration: configuration
            ) { rows, series in add(rows, series) }
            rowCount = summary.rowCount
            badRows = summary.badRows
            quality = summary.quality
            if !Set(samples.map(\.series)).isSubset(of: summary.series) {
                surprise = "samples are of series that the summary lacks"
            }
        } catch let error as CSVError {
            self.error = error
        } catch {
            surprise = "\(error)"
        }
    }

    private mutating func add(_ rows: DCGMRows, _ series: [MetricSeries]) {
        for i in 0..<rows.count {
            samples.append(
                Sample(
                    series: series[Int(rows.seriesIndices[i])], time: rows.timestamps[i],
                    value: rows.values[i].bitPattern))
        }
    }

    mutating func forgetCounts() {
        rowCount = 0
        badRows = BadRows()
        quality = ValueQuality()
    }

    /// `nil`: there is none.
    func difference(from plain: DCGMReading) -> String? {
        if let surprise = surprise ?? plain.surprise { return surprise }
        if error != plain.error {
            return "the error is \(error.map(\.description) ?? "none"), not \(plain.error.map(\.description) ?? "none")"
        }
        if samples != plain.samples {
            let first = zip(samples, plain.samples).enumerated().first { $1.0 != $1.1 }
            return
                "\(samples.count) samples, not \(plain.samples.count); the first that differs is \(first.map { "\($0.offset)" } ?? "none")"
        }
        if rowCount != plain.rowCount { return "\(rowCount) rows are counted, not \(plain.rowCount)" }
        if badRows != plain.badRows { return "bad rows are \(badRows), not \(plain.badRows)" }
        if quality != plain.quality { return "the quality is \(quality), not \(plain.quality)" }
        return nil
    }
}
