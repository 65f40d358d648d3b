import Glibc
import TelemetryBase
import TelemetryModels

extension DCGMReader {
    /// `false` if the row has no value.
    @inline(__always)
    mutating func readRow(into rows: inout DCGMRows) throws(CSVError) -> Bool {
        let time = try readTime()
        guard let value = try readValue() else { return false }
        let index = try findSeries()
        if !learnt.soundRanges[Int(index)].contains(value), !accepts(value, of: Int(index)) { return false }
        rows.append(index, time, value)
        learn(index)
        return true
    }

    /// Reads a row that matches the prediction, without parsing it.
    @inline(__always)
    mutating func predictRow(into rows: inout DCGMRows) -> Bool {
        let rest = csv.rest
        guard let start = rest.baseAddress,
            let match = learnt.predictor?.match(start, available: rest.count, timeLength: lastTimeText.count),
            match.length <= csv.maxRowBytes, let time = time(of: match.time),
            let value = parseDouble(match.value), learnt.soundRanges[Int(match.series)].contains(value)
        else { return false }
        csv.skip(match.length)
        learnt.predictor?.accept(match.series)
        rows.append(match.series, time, value)
        return true
    }

    @inline(__always)
    private mutating func findSeries() throws(CSVError) -> UInt32 {
        var hash: UInt64 = 0
        for column in columns.identity { hash = StableHash.hash(csv.raw(csv.fields[column]), seed: hash) }
        let fields = csv.fields
        let window = UnsafeRawPointer(csv.window.base)
        let identity = columns.identity
        func piece(_ i: Int) -> UnsafeRawBufferPointer {
            let field = fields[identity[i]]
            return UnsafeRawBufferPointer(start: window + field.start, count: field.count)
        }
        if let known = learnt.byKey.find(hash, identity.count, piece) { return known }
        let index = try makeSeries()
        learnt.byKey.add(hash, identity.count, piece, number: index)
        return index
    }

    /// How to handle a value that requires further checks.
    private mutating func accepts(_ value: Double, of index: Int) -> Bool {
        let column = columns.value
        switch ValueRule(metricName: learnt.series[index].metricName).judge(value, text: csv.raw(csv.fields[column])) {
        case .sound: return true
        case .noValue(let reason):
            quality.add(noValue: reason)
            return false
        case .outOfRange:
            // Line numbers are only determined for reported rows.
            let line = quality.firstOutOfRange.count < ValueQuality.kept ? csv.line : 0
            quality.add(outOfRange: value, of: learnt.series[index].metricName, at: "\(csv.file):\(line)")
            return true
        }
    }

    private mutating func learn(_ series: UInt32) {
        let time = csv.fields[columns.timestamp]
        let value = csv.fields[columns.value]
        let start = csv.rowStart
        learnt.predictor?.learn(
            series, row: csv.row, time: time.start - start..<time.end - start,
            value: value.start - start..<value.end - start)
    }

    /// Usually a row's time is that of the previous row. `nil` if the time is invalid.
    @inline(__always)
    private mutating func time(of text: UnsafeRawBufferPointer) -> Int64? {
        if text.count == lastTimeText.count, text.count > 0,
            lastTimeText.withUnsafeBytes({ memcmp($0.baseAddress!, text.baseAddress!, text.count) }) == 0
        {
            return lastTime
        }
        // No time contains a quote, so the raw bytes can be used: doubled quotes are an error either way.
        guard let time = try? Timestamp(rfc3339: text) else { return nil }
        lastTime = time.nanoseconds
        lastTimeText.removeAll(keepingCapacity: true)
        lastTimeText.append(contentsOf: text)
        return lastTime
    }

    @inline(__always)
    private mutating func readTime() throws(CSVError) -> Int64 {
        if let time = time(of: csv.raw(csv.fields[columns.timestamp])) { return time }
        if ignoresTimes { return 0 }
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

    /// `nil` if the field states that there is no value.
    @inline(__always)
    private mutating func readValue() throws(CSVError) -> Double? {
        let text = csv.raw(csv.fields[columns.value])
        if let value = parseDouble(text), value.isFinite { return value }
        guard let reason = NoValueReason(text: text) else { throw valueError() }
        quality.add(noValue: reason)
        return nil
    }

    private mutating func valueError() -> CSVError {
        let column = columns.value
        if csv.fields[column].count == 0 { return csv.fieldError(.emptyField, column, "the value is empty") }
        let shown = excerpt(column)
        // A text that parses as a number and is not finite is beyond the range of a Double.
        let isNumber = parseDouble(csv.raw(csv.fields[column])) != nil
        let names: Set<String> = ["nan", "inf", "infinity"]
        let word = csv[column].lowercased().drop { $0 == "+" || $0 == "-" }
        if isNumber || names.contains(String(word)) {
            return csv.fieldError(.notFinite, column, "the value \(shown) is not finite")
        }
        return csv.fieldError(.notANumber, column, "the value \(shown) is not a number")
    }

    /// A field for a message, truncated if it is long.
    private mutating func excerpt(_ column: Int) -> String {
        let text = csv[column]
        return "\"\(abbreviated(text, to: 40))\""
    }

    private mutating func makeSeries() throws(CSVError) -> UInt32 {
        for column in [columns.metricName, columns.uuid] where csv.fields[column].count == 0 {
            throw csv.fieldError(.emptyField, column, "the \(column == columns.uuid ? "uuid" : "metric name") is empty")
        }
        var places = columns.gpu[...]
        let gpu = try GPUIdentity { _ throws(CSVError) in try optional(places.removeFirst()) }
        let new = MetricSeries(metricName: try string(columns.metricName), gpu: gpu, labels: try labels())
        return learnt.number(of: new)
    }

    private mutating func string(_ column: Int) throws(CSVError) -> String {
        guard let text = csv.withBytes(column, { learnt.strings.string($0) }) else { throw csv.notUTF8(column) }
        return text
    }

    private mutating func optional(_ column: Int?) throws(CSVError) -> String {
        guard let column else { return "" }
        return try string(column)
    }

    private mutating func labels() throws(CSVError) -> [MetricLabel] {
        guard let column = columns.labels else { return [] }
        let parsed = csv.withBytes(column) { bytes in
            Result { () throws(LabelError) in try MetricLabel.parse(prometheus: bytes, &learnt.strings) }
        }
        do throws(LabelError) {
            return try parsed.get()
        } catch {
            throw csv.fieldError(.labels, column, error.description)
        }
    }
}
