import Glibc
import TelemetryNet

/// Samples in columns, as ``DCGMReader`` yields them. Series indices refer to the reader's ``DCGMReader/series``.
public struct DCGMRows: Sendable {
    public var seriesIndices: [UInt32] = []
    public var timestamps: [Int64] = []
    public var values: [Double] = []

    public init() {}

    public var count: Int { values.count }

    public mutating func removeAll() {
        seriesIndices.removeAll(keepingCapacity: true)
        timestamps.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    mutating func append(_ series: UInt32, _ timestamp: Int64, _ value: Double) {
        seriesIndices.append(series)
        timestamps.append(timestamp)
        values.append(value)
    }
}

/// Reads the CSV export of the DCGM exporter's metrics.
///
/// The header names the columns, in any order and any case: `timestamp`, `metric_name`, `gpu_id`, `device`, `uuid`, `modelName`,
/// `Hostname` and `value` must be there; `container`, `pod`, `namespace` and `labels_raw` may be. Rows with the same identity share one
/// ``MetricSeries`` object. A known series costs no allocation.
///
/// A row that has no time, no metric name, no uuid or no finite value is an error with its line, column and reason, never a zero.
public struct DCGMReader: ~Copyable {
    private var csv: CSVReader
    private var columns: DCGMColumns
    private let policy: BadRowPolicy
    private let configuration: CSVReader.Configuration
    private var interner = SeriesInterner()
    /// `nil`: every row is taken apart.
    private var predictor: RowPredictor?
    private var indices: [MetricSeries: UInt32] = [:]
    /// Every series met so far; an index stays valid as long as the reader.
    public private(set) var series: [MetricSeries] = []
    /// The rows that were passed over under ``BadRowPolicy/skip``.
    public private(set) var badRows = BadRows()
    /// Rows that hold no value, and values that cannot be true.
    public private(set) var quality = ValueQuality()
    /// Good rows read.
    public private(set) var rowCount = 0

    /// The text of the last row's time, which most often is this row's too, and its value.
    private var lastTimeText: [UInt8] = []
    private var lastTime: Int64 = 0

    public init(
        path: String, badRows policy: BadRowPolicy = .stop, configuration: CSVReader.Configuration = .init()
    ) throws(CSVError) {
        try self.init(try CSVReader(path: path, configuration: configuration), badRows: policy, configuration)
    }

    /// Takes a reader that has read its header and no row.
    public init(_ csv: consuming CSVReader, badRows policy: BadRowPolicy = .stop) throws(CSVError) {
        try self.init(csv, badRows: policy, CSVReader.Configuration())
    }

    /// `predicts: false` takes every row apart, to be compared with.
    package init(_ csv: consuming CSVReader, badRows policy: BadRowPolicy, predicts: Bool) throws(CSVError) {
        try self.init(csv, badRows: policy, CSVReader.Configuration())
        if !predicts { predictor = nil }
    }

    private init(
        _ csv: consuming CSVReader, badRows policy: BadRowPolicy, _ configuration: CSVReader.Configuration
    ) throws(CSVError) {
        columns = try DCGMColumns(header: csv.columns, file: csv.file)
        predictor = RowPredictor(columns: columns)
        self.csv = csv
        self.policy = policy
        self.configuration = configuration
    }

    /// Opens the file again, for another pass. Series keep their indices, and counts go on.
    public mutating func rewind() throws(CSVError) { try open(path: csv.file) }

    /// Goes on with another file, which may have its columns in another order. Series keep their indices, and counts go on.
    public mutating func open(path: String) throws(CSVError) {
        let next = try CSVReader(path: path, configuration: configuration)
        let columns = try DCGMColumns(header: next.columns, file: next.file)
        // The bytes that identify a series are those of the columns in their order.
        if next.columns != csv.columns {
            interner = SeriesInterner()
            predictor = RowPredictor(columns: columns)
        }
        self.columns = columns
        csv = next
    }

    public var bytesRead: Int { csv.bytesRead }
    /// Bytes in the file when it was opened; 0 where it has no size.
    public var fileSize: Int { csv.fileSize }

    /// The path or name of the source.
    public var file: String { csv.file }

    /// Appends rows until there are `limit` more; returns how many there were, fewer only at the end of the file.
    @discardableResult
    public mutating func read(into rows: inout DCGMRows, limit: Int = .max) throws(CSVError) -> Int {
        var added = 0
        while added < limit {
            if predictRow(into: &rows) {
                added += 1
                continue
            }
            do throws(CSVError) {
                guard try csv.next() else { break }
                try readRow(into: &rows)
                added += 1
            } catch {
                guard policy == .skip, error.kind != .unreadable else {
                    rowCount += added
                    throw error
                }
                badRows.add(error)
            }
        }
        rowCount += added
        return added
    }

    /// The next sample, or `nil` at the end. ``read(into:limit:)`` is the fast way.
    public mutating func next() throws(CSVError) -> GPUMetric? {
        var rows = DCGMRows()
        guard try read(into: &rows, limit: 1) == 1 else { return nil }
        return GPUMetric(
            timestamp: Timestamp(nanoseconds: rows.timestamps[0]), value: rows.values[0],
            series: series[Int(rows.seriesIndices[0])])
    }
}

// MARK: - One row

extension DCGMReader {
    @inline(__always)
    private mutating func readRow(into rows: inout DCGMRows) throws(CSVError) {
        let time = try readTime()
        let value = try readValue()
        var hash: UInt64 = 0
        for column in columns.identity { hash = SeriesInterner.hash(csv.raw(csv.fields[column]), seed: hash) }
        let fields = csv.fields
        let window = UnsafeRawPointer(csv.window.base)
        let identity = columns.identity
        func piece(_ i: Int) -> UnsafeRawBufferPointer {
            let field = fields[identity[i]]
            return UnsafeRawBufferPointer(start: window + field.start, count: field.count)
        }
        if let known = interner.find(hash, identity.count, piece) {
            rows.append(known, time, value)
        } else {
            let index = try makeSeries()
            interner.add(hash, identity.count, piece, series: index)
            rows.append(index, time, value)
        }
        learn(rows.seriesIndices[rows.count - 1])
    }

    /// A row that is what was expected, without taking it apart.
    @inline(__always)
    private mutating func predictRow(into rows: inout DCGMRows) -> Bool {
        let rest = csv.rest
        guard let start = rest.baseAddress,
            let match = predictor?.match(start, available: rest.count, timeLength: lastTimeText.count),
            match.length <= csv.maxRowBytes, let time = time(of: match.time),
            let value = parseDouble(match.value), value.isFinite
        else { return false }
        csv.skip(match.length)
        predictor?.accept(match.series)
        rows.append(match.series, time, value)
        return true
    }

    private mutating func learn(_ series: UInt32) {
        let time = csv.fields[columns.timestamp]
        let value = csv.fields[columns.value]
        let start = csv.rowStart
        predictor?.learn(series, row: csv.row, time: time.start - start..<time.end - start, value: value.start - start..<value.end - start)
    }

    /// Most often a row's time is that of the row before. `nil`: no time.
    @inline(__always)
    private mutating func time(of text: UnsafeRawBufferPointer) -> Int64? {
        if text.count == lastTimeText.count, text.count > 0,
            lastTimeText.withUnsafeBytes({ memcmp($0.baseAddress!, text.baseAddress!, text.count) }) == 0
        {
            return lastTime
        }
        // No time contains a quote, so the raw bytes serve: doubled quotes are an error either way.
        guard let time = try? Timestamp(rfc3339: text) else { return nil }
        lastTime = time.nanoseconds
        lastTimeText.removeAll(keepingCapacity: true)
        lastTimeText.append(contentsOf: text)
        return lastTime
    }

    @inline(__always)
    private mutating func readTime() throws(CSVError) -> Int64 {
        if let time = time(of: csv.raw(csv.fields[columns.timestamp])) { return time }
        throw timeError()
    }

    private mutating func timeError() -> CSVError {
        let column = columns.timestamp
        if csv.fields[column].count == 0 { return csv.fieldError(.emptyField, column, "the timestamp is empty") }
        do throws(TimestampFormatError) {
            _ = try Timestamp(rfc3339: csv.raw(csv.fields[column]))
            preconditionFailure("a time that is one")
        } catch {
            let shown = excerpt(column)
            return csv.fieldError(.timestamp, column, "\(shown) is \(error)")
        }
    }

    @inline(__always)
    private mutating func readValue() throws(CSVError) -> Double {
        let text = csv.raw(csv.fields[columns.value])
        if let value = parseDouble(text), value.isFinite { return value }
        throw valueError()
    }

    private mutating func valueError() -> CSVError {
        let column = columns.value
        if csv.fields[column].count == 0 { return csv.fieldError(.emptyField, column, "the value is empty") }
        let shown = excerpt(column)
        // What reads as a number and is not finite is beyond the range of a Double.
        let isNumber = parseDouble(csv.raw(csv.fields[column])) != nil
        let names: Set<String> = ["nan", "inf", "infinity"]
        let word = csv[column].lowercased().drop { $0 == "+" || $0 == "-" }
        if isNumber || names.contains(String(word)) {
            return csv.fieldError(.notFinite, column, "the value \(shown) is not finite")
        }
        return csv.fieldError(.notANumber, column, "the value \(shown) is not a number")
    }

    /// A field for a message, cut where it is long.
    private mutating func excerpt(_ column: Int) -> String {
        let text = csv[column]
        return "\"" + (text.count > 40 ? text.prefix(40) + "…" : text) + "\""
    }

    private mutating func makeSeries() throws(CSVError) -> UInt32 {
        for column in [columns.metricName, columns.uuid] where csv.fields[column].count == 0 {
            throw csv.fieldError(.emptyField, column, "the \(column == columns.uuid ? "uuid" : "metric name") is empty")
        }
        let gpu = GPUIdentity(
            gpuID: try csv.string(columns.gpuID), device: try csv.string(columns.device), uuid: try csv.string(columns.uuid),
            modelName: try csv.string(columns.modelName), hostname: try csv.string(columns.hostname),
            container: try optional(columns.container), pod: try optional(columns.pod),
            namespace: try optional(columns.namespace))
        let new = MetricSeries(metricName: try csv.string(columns.metricName), gpu: gpu, labels: try labels())
        // Different bytes may say the same, such as labels with a comma behind the last.
        if let index = indices[new] { return index }
        let index = UInt32(series.count)
        series.append(new)
        indices[new] = index
        return index
    }

    private mutating func optional(_ column: Int?) throws(CSVError) -> String {
        guard let column else { return "" }
        return try csv.string(column)
    }

    private mutating func labels() throws(CSVError) -> [MetricLabel] {
        guard let column = columns.labels else { return [] }
        let parsed = csv.withBytes(column) { bytes in
            Result { () throws(LabelError) in try MetricLabel.parse(prometheus: bytes) }
        }
        do throws(LabelError) {
            return try parsed.get()
        } catch {
            throw csv.fieldError(.labels, column, error.description)
        }
    }
}
