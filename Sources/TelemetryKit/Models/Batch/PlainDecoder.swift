import TelemetryBase

/// Decodes the plain format, with members in any order.
///
/// It accepts everything that Go's `encoding/json` produces from the structs of the system that this one reimplements:
/// integers as ids, empty members omitted or `null`, `<`, `>` and `&` as escapes, any time zone, and the zero time for
/// "never".
struct PlainDecoder: Sendable {
    private var interner = ByteKeyTable()
    private var indices: [MetricSeries: UInt32] = [:]
    private var series: [MetricSeries] = []

    /// The raw texts of one metric's identity, in the order of ``names``.
    private static let names: [StaticString] = ["metric_name", "uuid"] + GPUMember.exceptUUID.map(\.key)
    /// The first of ``names`` must not be empty; the others may be absent.
    private static let neededNames = 2
    /// Go's `time.Time{}`: a time that was never set. No sample can have it, because it is before 1677.
    private static let zeroTime: StaticString = "0001-01-01T00:00:00Z"

    /// The member that is being read, for errors.
    private struct Place {
        var index = 0
        var member: StaticString = ""

        func text() -> String {
            member.utf8CodeUnitCount > 0 ? "metrics[\(index)].\(member)" : "metrics[\(index)]"
        }
    }

    mutating func decode(_ members: JSONMembers) throws(BatchError) -> MetricBatch {
        // Limits the memory if the labels of a source never repeat.
        if series.count > 1 << 20 { self = PlainDecoder() }
        let batchID = try PlainDecoder.text("batch_id", of: members)
        let source = try PlainDecoder.text("source", of: members)
        let collectedAt = try PlainDecoder.collectionTime(members)
        let range = try members.required("metrics")
        var batch = MetricBatch(batchID: batchID, source: source, collectedAt: collectedAt ?? Timestamp(nanoseconds: 0))
        if !PlainDecoder.isNull(members.json[range]) { try readMetrics(members.json, range, into: &batch) }
        if collectedAt == nil, let newest = batch.timestamps.max() {
            batch.collectedAt = Timestamp(nanoseconds: newest)
        }
        return batch
    }

    private mutating func readMetrics(
        _ json: UnsafeRawBufferPointer, _ range: Range<Int>, into batch: inout MetricBatch
    ) throws(BatchError) {
        let text = UnsafeRawBufferPointer(rebasing: json[range])
        var reader = JSONReader(text)
        var places: [UInt32: UInt32] = [:]
        var place = Place(index: -1)
        do throws(JSONError) {
            try reader.beginArray()
            while try reader.nextElement() {
                place.index += 1
                let (number, time, value) = try readMetric(&reader, of: text, &place)
                let index: UInt32
                if let found = places[number] {
                    index = found
                } else {
                    index = batch.addSeries(series[Int(number)])
                    places[number] = index
                }
                batch.append(seriesIndex: index, timestamp: time, value: value)
                place.member = ""
            }
        } catch {
            let name = place.index < 0 ? "metrics" : place.text()
            throw BatchError(offset: range.lowerBound + error.offset, reason: "\(name): \(error.reason)")
        }
    }

    private mutating func readMetric(
        _ reader: inout JSONReader, of text: UnsafeRawBufferPointer, _ place: inout Place
    ) throws(JSONError) -> (series: UInt32, time: Int64, value: Double) {
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        var texts = [JSONText?](repeating: nil, count: PlainDecoder.names.count)
        var labels: [(name: JSONText, value: JSONText)] = []
        var hasLabels = false
        var time: Int64?
        var value: Double?
        place.member = ""
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if let index = PlainDecoder.names.firstIndex(where: { key == $0 }) {
                place.member = PlainDecoder.names[index]
                guard texts[index] == nil else { throw reader.failure("the member occurs twice") }
                texts[index] = try PlainDecoder.readText(&reader, of: text)
            } else if key == "timestamp" {
                place.member = "timestamp"
                guard time == nil else { throw reader.failure("the member occurs twice") }
                time = try PlainDecoder.readTime(&reader)
            } else if key == "value" {
                place.member = "value"
                guard value == nil else { throw reader.failure("the member occurs twice") }
                guard try reader.peek() == .number else { throw reader.failure("a number was expected") }
                value = try reader.readDouble()
            } else if key == "labels" {
                place.member = "labels"
                guard !hasLabels else { throw reader.failure("the member occurs twice") }
                hasLabels = true
                if try reader.peek() == .null {
                    try reader.readNull()
                } else {
                    try reader.beginObject()
                    while let name = try reader.nextKey() { labels.append((name, try reader.readText())) }
                }
            } else {
                _ = try reader.skipValue()
            }
            place.member = ""
        }
        guard let time else { throw reader.failure("the metric has no timestamp") }
        guard let value else { throw reader.failure("the metric has no value") }
        for index in 0..<PlainDecoder.neededNames where texts[index] == nil {
            throw reader.failure("the metric has no \(PlainDecoder.names[index])")
        }
        func piece(_ i: Int) -> UnsafeRawBufferPointer {
            if i < texts.count { return texts[i]?.raw ?? empty }
            let label = labels[(i - texts.count) / 2]
            return (i - texts.count) % 2 == 0 ? label.name.raw : label.value.raw
        }
        // The number of labels is included, because it determines where the key ends.
        let pieces = texts.count + labels.count * 2
        var hash = UInt64(pieces)
        for i in 0..<pieces { hash = StableHash.hash(piece(i), seed: hash) }
        if let number = interner.find(hash, pieces, piece) { return (number, time, value) }
        let number = try makeSeries(texts, labels, reader)
        interner.add(hash, pieces, piece, number: number)
        return (number, time, value)
    }

    private mutating func makeSeries(
        _ texts: [JSONText?], _ labels: [(name: JSONText, value: JSONText)], _ reader: JSONReader
    ) throws(JSONError) -> UInt32 {
        let strings = texts.map { $0?.string ?? "" }
        for index in 0..<PlainDecoder.neededNames where strings[index].isEmpty {
            throw reader.failure("\(PlainDecoder.names[index]) is empty")
        }
        let read = labels.map { MetricLabel(name: $0.name.string, value: $0.value.string) }
        guard Set(read.map { ByteText($0.name) }).count == read.count else {
            throw reader.failure("labels has a name twice")
        }
        var others = strings[PlainDecoder.neededNames...]
        let gpu = GPUIdentity { $0.isUUID ? strings[1] : others.removeFirst() }
        let new = MetricSeries(metricName: strings[0], gpu: gpu, labels: read)
        if let number = indices[new] { return number }
        let number = UInt32(series.count)
        series.append(new)
        indices[new] = number
        return number
    }
}

// MARK: - Values in the forms of Go

extension PlainDecoder {
    /// Reads a string; an integer, as its digits; or `null`, as the empty text.
    private static func readText(_ reader: inout JSONReader, of text: UnsafeRawBufferPointer) throws(JSONError)
        -> JSONText
    {
        let kind = try reader.peek()
        if kind == .string { return try reader.readText() }
        guard kind == .number || kind == .null else { throw reader.failure("a string or an integer was expected") }
        let range = try reader.skipValue()
        if kind == .null { return JSONText(raw: UnsafeRawBufferPointer(start: nil, count: 0), hasEscapes: false) }
        let digits = UnsafeRawBufferPointer(rebasing: text[range])
        guard digits.allSatisfy({ $0 &- 0x30 <= 9 || $0 == UInt8(ascii: "-") }) else {
            throw JSONError(offset: range.lowerBound, reason: "a string or an integer was expected")
        }
        return JSONText(raw: digits, hasEscapes: false)
    }

    private static func readTime(_ reader: inout JSONReader) throws(JSONError) -> Int64 {
        let text = try reader.readText()
        do throws(TimestampFormatError) {
            return text.hasEscapes
                ? try Timestamp(rfc3339: text.string).nanoseconds : try Timestamp(rfc3339: text.raw).nanoseconds
        } catch {
            throw reader.failure("\(error)")
        }
    }

    /// Reads an optional member of the batch, with the types of ``readText(_:of:)``.
    private static func text(_ name: StaticString, of members: JSONMembers) throws(BatchError) -> String {
        guard let range = try members.optional(name) else { return "" }
        let text = UnsafeRawBufferPointer(rebasing: members.json[range])
        var reader = JSONReader(text)
        do throws(JSONError) {
            return try readText(&reader, of: text).string
        } catch {
            throw BatchError(offset: range.lowerBound + error.offset, reason: "\(name): \(error.reason)")
        }
    }

    /// `nil` if the batch does not contain the time when it was closed.
    private static func collectionTime(_ members: JSONMembers) throws(BatchError) -> Timestamp? {
        guard let range = try members.optional("collected_at"), !isNull(members.json[range]) else { return nil }
        let text = try members.read(range) { reader throws(JSONError) in try reader.readText() }
        return text == zeroTime ? nil : try members.time("collected_at")
    }

    private static func isNull(_ value: Slice<UnsafeRawBufferPointer>) -> Bool { value.first == UInt8(ascii: "n") }
}
