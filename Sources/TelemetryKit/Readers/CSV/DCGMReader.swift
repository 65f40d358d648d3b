import TelemetryModels

/// Reads the CSV export of the DCGM exporter's metrics.
///
/// The header contains the column names, in any order and any case: `timestamp`, `metric_name`, `gpu_id`, `device`,
/// `uuid`, `modelName`, `Hostname` and `value` are required; `container`, `pod`, `namespace` and `labels_raw` are
/// optional. Rows with the same identity share one ``MetricSeries`` object. A known series costs no allocation.
///
/// Spaces and tabs around a field are removed, in the header and in the rows; those within quotes are kept.
///
/// A row without a time, metric name, uuid or finite value is an error with its line, column and reason, never a zero.
/// A row that states that there is no value, with DCGM's blank values or with a text such as `N/A`, is not an error and
/// yields no sample; an implausible value yields one. ``quality`` counts both.
public struct DCGMReader: ~Copyable {
    var csv: CSVReader
    var columns: DCGMColumns
    let policy: BadRowPolicy
    private let configuration: CSVReader.Configuration
    var learnt = LearntSeries()
    /// Whether the time of a row is ignored: an invalid time is then 0 and does not make its row invalid.
    package var ignoresTimes = false
    /// Every series met so far; an index stays valid for the lifetime of the reader.
    public var series: [MetricSeries] { learnt.series }
    /// The rows that were skipped under ``BadRowPolicy/skip``.
    public internal(set) var badRows = BadRows()
    /// Rows without a value, and implausible values.
    public internal(set) var quality = ValueQuality()
    /// The number of valid rows read.
    public internal(set) var rowCount = 0

    /// The text of the last row's time, which is usually this row's too, and its parsed value.
    var lastTimeText: [UInt8] = []
    var lastTime: Int64 = 0

    /// Opens a file and reads its header. Throws ``CSVError`` if it cannot be read, or lacks a required column.
    public init(
        path: String, badRows policy: BadRowPolicy = .stop, configuration: CSVReader.Configuration = .init()
    ) throws(CSVError) {
        let configuration = DCGMReader.trimming(configuration)
        try self.init(try CSVReader(path: path, configuration: configuration), badRows: policy, configuration)
    }

    private static func trimming(_ configuration: CSVReader.Configuration) -> CSVReader.Configuration {
        var copy = configuration
        copy.trimsSpaces = true
        return copy
    }

    /// Takes over a reader that has read its header and no row. From now on it trims spaces.
    public init(_ csv: consuming CSVReader, badRows policy: BadRowPolicy = .stop) throws(CSVError) {
        try self.init(csv, badRows: policy, CSVReader.Configuration())
    }

    /// `predicts: false` parses every row in full, for comparison.
    package init(_ csv: consuming CSVReader, badRows policy: BadRowPolicy, predicts: Bool) throws(CSVError) {
        try self.init(csv, badRows: policy, CSVReader.Configuration())
        if !predicts { learnt.predictor = nil }
    }

    private init(
        _ csv: consuming CSVReader, badRows policy: BadRowPolicy, _ configuration: CSVReader.Configuration
    ) throws(CSVError) {
        columns = try DCGMColumns(header: csv.columns, file: csv.file)
        learnt.predictor = RowPredictor(columns: columns)
        self.csv = csv
        self.csv.trimsSpaces = true
        self.policy = policy
        self.configuration = DCGMReader.trimming(configuration)
    }

    /// Opens the file again, for another pass. Series keep their indices, and counts continue.
    public mutating func rewind() throws(CSVError) { try open(path: csv.file) }

    /// Continues with another file, which may have its columns in another order. Series keep their indices, and counts
    /// continue.
    public mutating func open(path: String) throws(CSVError) {
        let next = try CSVReader(path: path, configuration: configuration)
        let columns = try DCGMColumns(header: next.columns, file: next.file)
        // The bytes that identify a series are those of the columns in their order.
        if next.columns != csv.columns { learnt.forgetRows(columns: columns) }
        self.columns = columns
        csv = next
    }

    /// The number of bytes of the file read so far.
    public var bytesRead: Int { csv.bytesRead }
    /// The size of the file in bytes when it was opened; 0 if it has no size.
    public var fileSize: Int { csv.fileSize }

    /// The path or name of the source.
    public var file: String { csv.file }

    /// Appends rows until there are `limit` more; returns the number appended, which is smaller only at the end of the
    /// file.
    @discardableResult
    public mutating func read(into rows: inout DCGMRows, limit: Int = .max) throws(CSVError) -> Int {
        try read(into: &rows, limit: limit, before: .max)
    }

    /// Also ends if the next row begins at or after `end`.
    mutating func read(into rows: inout DCGMRows, limit: Int, before end: Int) throws(CSVError) -> Int {
        var added = 0
        while added < limit, csv.bytesRead < end {
            if predictRow(into: &rows) {
                added += 1
                continue
            }
            do throws(CSVError) {
                guard try csv.next() else { break }
                if try readRow(into: &rows) { added += 1 }
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

    /// Returns the next sample, or `nil` at the end. ``read(into:limit:)`` is faster.
    public mutating func next() throws(CSVError) -> GPUMetric? {
        var rows = DCGMRows()
        guard try read(into: &rows, limit: 1) == 1 else { return nil }
        return GPUMetric(
            timestamp: Timestamp(nanoseconds: rows.timestamps[0]), value: rows.values[0],
            series: learnt.series[Int(rows.seriesIndices[0])])
    }
}
