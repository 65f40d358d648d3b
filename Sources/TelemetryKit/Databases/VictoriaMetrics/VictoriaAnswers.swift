import TelemetryBase
import TelemetryModels

/// The lines of `/api/v1/export`: one line per series, or per part of one, with its raw samples in the order of time.
///
/// A sample that was written twice occurs twice, unless the database is configured to drop duplicates.
enum VictoriaExport {
    struct Line {
        var series: MetricSeries
        /// Milliseconds since 1970.
        var times: [Int64]
        var values: [Double]
    }

    static func lines(_ body: [UInt8]) throws -> [Line] {
        var lines: [Line] = []
        // Shared by the parts of one series.
        var known: [ByteText: MetricSeries] = [:]
        try body.withUnsafeBytes { bytes in
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                lines.append(try self.line(UnsafeRawBufferPointer(rebasing: line), &known))
            }
        }
        return lines
    }

    private static func line(_ bytes: UnsafeRawBufferPointer, _ known: inout [ByteText: MetricSeries]) throws -> Line {
        var reader = JSONReader(bytes)
        var labels = ""
        var times: [Int64] = []
        var values: [Double] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "metric" {
                labels = String(decoding: bytes[try reader.skipValue()], as: UTF8.self)
            } else if key == "values" {
                try reader.beginArray()
                while try reader.nextElement() { values.append(try reader.readDouble()) }
            } else if key == "timestamps" {
                try reader.beginArray()
                while try reader.nextElement() {
                    let time = try reader.readInt64()
                    guard time.magnitude <= VictoriaVector.latestMilliseconds else {
                        throw reader.error("the time is outside the years 1677 to 2262")
                    }
                    times.append(time)
                }
            } else {
                _ = try reader.skipValue()
            }
        }
        try reader.finish()
        guard times.count == values.count else {
            throw reader.error("\(values.count) values have \(times.count) timestamps")
        }
        if let series = known[ByteText(labels)] { return Line(series: series, times: times, values: values) }
        let made = try series(json: labels)
        known[ByteText(labels)] = made
        return Line(series: made, times: times, values: values)
    }

    private static func series(json text: String) throws -> MetricSeries {
        let labels = try Array(text.utf8).withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            return try reader.labels()
        }
        return try VictoriaLabels.series(labels)
    }
}

/// The response of `/api/v1/query` or `/api/v1/query_range`.
struct VictoriaVector {
    struct Element {
        var labels: VictoriaLabelSet
        /// Pairs of milliseconds since 1970 and value. A query at one moment has one.
        var points: [(time: Int64, value: Double)]
    }

    private(set) var elements: [Element] = []

    init(_ body: [UInt8]) throws(JSONError) {
        let parsed = body.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in try Self.parse(bytes) }
        }
        elements = try parsed.get()
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> [Element] {
        var reader = JSONReader(bytes)
        var elements: [Element]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            guard key == "data" else {
                _ = try reader.skipValue()
                continue
            }
            try reader.beginObject()
            while let key = try reader.nextKey() {
                guard key == "result" else {
                    _ = try reader.skipValue()
                    continue
                }
                var list: [Element] = []
                try reader.beginArray()
                while try reader.nextElement() { list.append(try element(&reader)) }
                elements = list
            }
        }
        try reader.finish()
        guard let elements else { throw reader.error("a response without a result") }
        return elements
    }

    private static func element(_ reader: inout JSONReader) throws(JSONError) -> Element {
        var element = Element(labels: VictoriaLabelSet(), points: [])
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "metric" {
                element.labels = try reader.labels()
            } else if key == "value" {
                element.points = [try point(&reader)]
            } else if key == "values" {
                try reader.beginArray()
                while try reader.nextElement() { element.points.append(try point(&reader)) }
            } else {
                _ = try reader.skipValue()
            }
        }
        return element
    }

    /// `[1752871354.001,"97"]`
    private static func point(_ reader: inout JSONReader) throws(JSONError) -> (time: Int64, value: Double) {
        try reader.beginArray()
        guard try reader.nextElement() else { throw reader.error("a point without a time") }
        guard let time = milliseconds(try reader.readDouble()) else {
            throw reader.error("the time is outside the years 1677 to 2262")
        }
        guard try reader.nextElement() else { throw reader.error("a point without a value") }
        let text = try reader.readString()
        guard let value = Double(text) else { throw reader.error("\(text.debugDescription) is not a number") }
        guard try !reader.nextElement() else { throw reader.error("a point with more than a time and a value") }
        return (time, value)
    }

    /// `nil` if it is not a valid sample time.
    static func milliseconds(_ seconds: Double) -> Int64? {
        Int64(exactly: (seconds * 1000).rounded()).flatMap { $0.magnitude <= latestMilliseconds ? $0 : nil }
    }

    static let latestMilliseconds = Int64.max.magnitude / 1_000_000
}

extension JSONReader {
    /// Reads an object of strings.
    fileprivate mutating func labels() throws(JSONError) -> VictoriaLabelSet {
        var labels = VictoriaLabelSet()
        try beginObject()
        while let key = try nextKey() {
            let name = key.string
            labels[name] = try readString()
        }
        return labels
    }
}
