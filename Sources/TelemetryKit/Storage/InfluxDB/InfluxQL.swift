import TelemetryNet

/// Texts in InfluxQL. Whatever a caller gives goes through these, so that it stays a text.
enum InfluxQL {
    /// `'…'`
    static func string(_ text: String) -> String { quoted(text, "'") }
    /// `"…"`
    static func identifier(_ text: String) -> String { quoted(text, "\"") }

    private static func quoted(_ text: String, _ quote: Unicode.Scalar) -> String {
        var out = String(quote)
        for scalar in text.unicodeScalars {
            switch scalar {
            case quote, "\\":
                out += "\\"
                out.unicodeScalars.append(scalar)
            case "\n": out += "\\n"
            default: out.unicodeScalars.append(scalar)
            }
        }
        out.unicodeScalars.append(quote)
        return out
    }

    /// Nanoseconds, within what the database knows of time.
    static func time(_ time: Timestamp) -> String { "\(min(max(time.nanoseconds, .min + 2), .max - 1))" }

    /// `7d2h3ns`-like literals are not needed: nanoseconds say all, but a duration of 0 means infinite.
    static func duration(_ duration: Duration?) -> String {
        guard let duration else { return "INF" }
        return "\(max(1, duration.wholeNanoseconds / 1_000_000_000))s"
    }
}

/// One table of an answer to InfluxQL: rows of a measurement that share the tags of `GROUP BY`.
struct InfluxQLSeries {
    enum Value {
        case null
        case string(String)
        case number(Double)

        var string: String? { if case .string(let text) = self { text } else { nil } }
        var number: Double? { if case .number(let value) = self { value } else { nil } }
    }

    var name = ""
    var tags: [String: String] = [:]
    var columns: [String] = []
    var times: [Int64] = []
    /// The row's columns without `time`.
    var rows: [[Value]] = []
    /// The server has left rows out.
    var isPartial = false

    /// Positions by name.
    var places: [String: Int] { Dictionary(columns.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first }) }
}

/// An answer of `/query` with `epoch=ns`: `{"results":[{"statement_id":0,"series":[{"name","tags","columns","values"}]}]}`.
struct InfluxQLAnswer {
    /// By statement.
    var results: [[InfluxQLSeries]] = []
    var error: String?
    /// The server has left rows out.
    var isPartial = false

    init(_ body: [UInt8]) throws(JSONError) {
        let parsed = body.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in
                var answer = InfluxQLAnswer()
                try answer.parse(bytes)
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
                while try reader.nextElement() { results.append(try result(&reader)) }
            } else {
                _ = try reader.skipValue()
            }
        }
        try reader.finish()
    }

    private mutating func result(_ reader: inout JSONReader) throws(JSONError) -> [InfluxQLSeries] {
        var list: [InfluxQLSeries] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "error" {
                let text = try reader.readString()
                error = error ?? text
            } else if key == "series" {
                try reader.beginArray()
                while try reader.nextElement() {
                    let series = try Self.series(&reader)
                    isPartial = isPartial || series.isPartial
                    list.append(series)
                }
            } else if key == "partial" {
                isPartial = try reader.readBool() || isPartial
            } else {
                _ = try reader.skipValue()
            }
        }
        return list
    }

    private static func series(_ reader: inout JSONReader) throws(JSONError) -> InfluxQLSeries {
        var series = InfluxQLSeries()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "name" {
                series.name = try reader.readString()
            } else if key == "tags" {
                try reader.beginObject()
                while let tag = try reader.nextKey() { series.tags[tag.string] = try reader.readString() }
            } else if key == "columns" {
                guard series.rows.isEmpty else { throw reader.error("columns after their values") }
                try reader.beginArray()
                while try reader.nextElement() { series.columns.append(try reader.readString()) }
                // Some statements answer names and no times.
                if series.columns.first == "time" { series.columns.removeFirst() }
            } else if key == "values" {
                try reader.beginArray()
                while try reader.nextElement() { try row(&reader, &series) }
            } else if key == "partial" {
                series.isPartial = try reader.readBool()
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
        // The columns come before the rows in every answer; a row that does not fit them is not one of ours.
        guard values.count == series.columns.count else { throw reader.error("a row of \(values.count) values") }
        series.times.append(time ?? 0)
        series.rows.append(values)
    }
}
