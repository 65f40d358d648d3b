import TelemetryBase

/// One table of an InfluxQL response: rows of a measurement that share the tags of `GROUP BY`.
struct InfluxQLSeries {
    enum Value {
        case null
        case string(String)
        case number(Double)

        var string: String? { if case .string(let text) = self { text } else { nil } }
        var number: Double? { if case .number(let value) = self { value } else { nil } }
    }

    var name = ""
    var tags: [(name: String, value: String)] = []
    var columns: [String] = []
    var times: [Int64] = []
    /// The row's columns without `time`.
    var rows: [[Value]] = []

    func tag(_ name: String) -> String? { tags.first { $0.name.hasBytes(of: name) }?.value }

    /// The column indices by name. Column names are ours.
    var places: [String: Int] {
        Dictionary(columns.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether the rows of the other table follow those of this one.
    fileprivate func isContinued(by other: InfluxQLSeries) -> Bool {
        name.hasBytes(of: other.name) && columns == other.columns && tags.count == other.tags.count
            && zip(tags, other.tags).allSatisfy { $0.name.hasBytes(of: $1.name) && $0.value.hasBytes(of: $1.value) }
    }
}

/// A response of `/query` with `epoch=ns`:
/// `{"results":[{"statement_id":0,"series":[{"name","tags","columns","values"}]}]}`, or, in chunked mode, one line of
/// this form for each part of a table.
///
/// The `partial` of a table does not show whether the table is complete: 1.6 and 1.7 leave it on a table that they have
/// joined from chunks, and no version sets it when it omits whole tables. A statement's `partial`, in chunks, means in
/// all versions that another chunk follows.
struct InfluxQLAnswer {
    /// The tables by statement.
    private(set) var results: [[InfluxQLSeries]] = []
    private(set) var error: String?
    /// Statements whose announced chunks did not all arrive.
    private(set) var isCutOff = false

    init(_ body: [UInt8]) throws(JSONError) {
        let parsed = body.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in
                var answer = InfluxQLAnswer()
                for line in bytes.split(separator: UInt8(ascii: "\n"))
                where !line.allSatisfy({ $0 == UInt8(ascii: "\r") }) {
                    try answer.parse(UnsafeRawBufferPointer(rebasing: line))
                }
                return answer
            }
        }
        self = try parsed.get()
    }

    private init() {}

    private mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        var reader = JSONReader(bytes)
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "error" {
                error = try reader.readString()
            } else if key == "results" {
                try reader.beginArray()
                var place = 0
                while try reader.nextElement() {
                    try result(&reader, place)
                    place += 1
                }
            } else {
                _ = try reader.skipValue()
            }
        }
        try reader.finish()
    }

    /// - Parameter place: The index among the results of the line; the statement's number if it has none.
    private mutating func result(_ reader: inout JSONReader, _ place: Int) throws(JSONError) {
        var list: [InfluxQLSeries] = []
        var number = Int64(place)
        isCutOff = false
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "error" {
                let text = try reader.readString()
                error = error ?? text
            } else if key == "statement_id" {
                number = try reader.readInt64()
            } else if key == "series" {
                try reader.beginArray()
                while try reader.nextElement() { list.append(try Self.series(&reader)) }
            } else if key == "partial" {
                isCutOff = try reader.readBool()
            } else {
                _ = try reader.skipValue()
            }
        }
        // No request has more than a few hundred statements.
        guard (0..<10_000).contains(number) else { throw reader.error("\(number) is not a valid statement number") }
        while results.count <= Int(number) { results.append([]) }
        for series in list { add(series, to: Int(number)) }
    }

    private mutating func add(_ series: InfluxQLSeries, to statement: Int) {
        if let last = results[statement].indices.last, results[statement][last].isContinued(by: series) {
            results[statement][last].times += series.times
            results[statement][last].rows += series.rows
        } else {
            results[statement].append(series)
        }
    }

    private static func series(_ reader: inout JSONReader) throws(JSONError) -> InfluxQLSeries {
        var series = InfluxQLSeries()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "name" {
                series.name = try reader.readString()
            } else if key == "tags" {
                try reader.beginObject()
                while let tag = try reader.nextKey() { series.tags.append((tag.string, try reader.readString())) }
            } else if key == "columns" {
                guard series.rows.isEmpty else { throw reader.error("columns after their values") }
                try reader.beginArray()
                while try reader.nextElement() { series.columns.append(try reader.readString()) }
                // Some statements return names without times.
                if series.columns.first == "time" { series.columns.removeFirst() }
            } else if key == "values" {
                try reader.beginArray()
                while try reader.nextElement() { try row(&reader, &series) }
            } else {
                _ = try reader.skipValue()
            }
        }
        return series
    }

    private static func row(_ reader: inout JSONReader, _ series: inout InfluxQLSeries) throws(JSONError) {
        var values: [InfluxQLSeries.Value] = []
        values.reserveCapacity(series.columns.count)
        try reader.beginArray()
        var time: Int64?
        while try reader.nextElement() {
            switch try reader.peek() {
            case .string: values.append(.string(try reader.readString()))
            case .number where time == nil && values.isEmpty: time = try reader.readInt64()
            case .number: values.append(.number(try reader.readDouble()))
            case .null:
                try reader.readNull()
                values.append(.null)
            default:
                _ = try reader.skipValue()
                values.append(.null)
            }
        }
        // The columns come before the rows in every response; a row that does not match them is invalid.
        guard values.count == series.columns.count else { throw reader.error("a row of \(values.count) values") }
        series.times.append(time ?? 0)
        series.rows.append(values)
    }
}
