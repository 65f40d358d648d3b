import TelemetryModels

/// Reads the CSV export of the DCGM exporter's metrics.
///
/// The header names the columns, in any order and any case: `timestamp`, `metric_name`, `gpu_id`, `device`, `uuid`, `modelName`,
/// `Hostname` and `value` must be there; `container`, `pod`, `namespace` and `labels_raw` may be. Rows with the same identity share one
/// ``MetricSeries`` object. A known series costs no allocation.
///
/// Spaces and tabs around a field are not part of it, in the header as in the rows; those within quotes are.
///
/// A row that has no time, no metric name, no uuid or no finite value is an error with its line, column and reason, never a zero.
/// A row that says that there is no value, by DCGM's blank values or by a text such as `N/A`, is no error and gives no sample; a value that
/// cannot be true gives one. ``quality`` counts both.
public struct DCGMReader: ~Copyable {
    var csv: CSVReader
    var columns: DCGMColumns
    let policy: BadRowPolicy
    private let configuration: CSVReader.Configuration
    var learnt = LearntSeries()
    /// The time of a row is not wanted: one that is not a time is 0 and does not make its row a bad one.
    package var ignoresTimes = false
    /// Every series met so far; an index stays valid as long as the reader.
    public var series: [MetricSeries] { learnt.series }
    /// The rows that were passed over under ``BadRowPolicy/skip``.
    public internal(set) var badRows = BadRows()
    /// Rows that hold no value, and values that cannot be true.
    public internal(set) var quality = ValueQuality()
    /// Good rows read.
    public internal(set) var rowCount = 0

    /// The text of the last row's time, which most often is this row's too, and its value.
    var lastTimeText: [UInt8] = []
    var lastTime: Int64 = 0

    /// Opens a file and reads its header. Throws ``CSVError`` where it cannot be read, or lacks a column that is needed.
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

    /// Takes a reader that has read its header and no row. From now on it trims spaces.
    public init(_ csv: consuming CSVReader, badRows policy: BadRowPolicy = .stop) throws(CSVError) {
        try self.init(csv, badRows: policy, CSVReader.Configuration())
    }

    /// `predicts: false` takes every row apart, to be compared with.
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

    /// Opens the file again, for another pass. Series keep their indices, and counts go on.
    public mutating func rewind() throws(CSVError) { try open(path: csv.file) }

    /// Goes on with another file, which may have its columns in another order. Series keep their indices, and counts go on.
    public mutating func open(path: String) throws(CSVError) {
        let next = try CSVReader(path: path, configuration: configuration)
        let columns = try DCGMColumns(header: next.columns, file: next.file)
        // The bytes that identify a series are those of the columns in their order.
        if next.columns != csv.columns { learnt.forgetRows(columns: columns) }
        self.columns = columns
        csv = next
    }

    /// Bytes of the file that were read so far.
    public var bytesRead: Int { csv.bytesRead }
    /// Bytes in the file when it was opened; 0 where it has no size.
    public var fileSize: Int { csv.fileSize }

    /// The path or name of the source.
    public var file: String { csv.file }

    /// Appends rows until there are `limit` more; returns how many there were, fewer only at the end of the file.
    @discardableResult
    public mutating func read(into rows: inout DCGMRows, limit: Int = .max) throws(CSVError) -> Int {
        try read(into: &rows, limit: limit, before: .max)
    }

    /// Also ends where the next row begins at `end` or behind it.
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

    /// The next sample, or `nil` at the end. ``read(into:limit:)`` is the fast way.
    public mutating func next() throws(CSVError) -> GPUMetric? {
        var rows = DCGMRows()
        guard try read(into: &rows, limit: 1) == 1 else { return nil }
        return GPUMetric(
            timestamp: Timestamp(nanoseconds: rows.timestamps[0]), value: rows.values[0],
            series: learnt.series[Int(rows.seriesIndices[0])])
    }
}
