import TelemetryNet

/// Writes the plain format: every metric with all its members.
enum PlainEncoder {
    static func encode(_ batch: MetricBatch) -> [UInt8] {
        // What comes before and after a sample's value, once a series.
        let fixed = batch.series.map { series in
            var before = ByteWriter(capacity: 320)
            before.append(UInt8(ascii: ","))
            before.appendMembers(named: series.metricName, of: series.gpu)
            before.append(",\"value\":")
            var after = ByteWriter(capacity: 320)
            after.append(",\"labels\":")
            after.appendJSON(series.labels)
            after.append(UInt8(ascii: "}"))
            return (before: before.bytes, after: after.bytes)
        }
        var out = ByteWriter(capacity: 128 + batch.count * 512)
        out.append("{\"batch_id\":")
        out.appendJSONString(batch.batchID)
        out.append(",\"source\":")
        out.appendJSONString(batch.source)
        out.append(",\"collected_at\":")
        out.appendJSON(batch.collectedAt)
        out.append(",\"metrics\":[")
        for i in 0..<batch.count {
            if i > 0 { out.append(UInt8(ascii: ",")) }
            let members = fixed[Int(batch.seriesIndices[i])]
            out.append("{\"timestamp\":")
            out.appendJSON(Timestamp(nanoseconds: batch.timestamps[i]))
            out.append(members.before)
            out.appendDouble(batch.values[i])
            out.append(members.after)
        }
        out.append("]}")
        return out.bytes
    }
}

/// Reads the plain format, with members in any order.
struct PlainDecoder: Sendable {
    private var interner = ByteKeyTable()
    private var indices: [MetricSeries: UInt32] = [:]
    private var series: [MetricSeries] = []

    /// The raw texts of one metric's identity, in the order of ``names``.
    private static let names: [StaticString] = [
        "metric_name", "uuid", "gpu_id", "device", "model_name", "hostname", "container", "pod", "namespace",
    ]
    private static let requiredNames = 6

    mutating func decode(_ members: JSONMembers) throws(BatchError) -> MetricBatch {
        // Bounds the memory where the labels of a source never repeat.
        if series.count > 1 << 20 { self = PlainDecoder() }
        let batchID = try members.string("batch_id")
        let source = try members.string("source")
        let collectedAt = try members.time("collected_at")
        let range = try members.required("metrics")
        var batch = MetricBatch(batchID: batchID, source: source, collectedAt: collectedAt)
        var places: [UInt32: UInt32] = [:]
        var reader = JSONReader(UnsafeRawBufferPointer(rebasing: members.json[range]))
        do throws(JSONError) {
            try reader.beginArray()
            while try reader.nextElement() {
                let (number, time, value) = try readMetric(&reader)
                let place: UInt32
                if let found = places[number] {
                    place = found
                } else {
                    place = batch.addSeries(series[Int(number)])
                    places[number] = place
                }
                batch.append(seriesIndex: place, timestamp: time, value: value)
            }
        } catch {
            throw BatchError(error, from: range.lowerBound)
        }
        return batch
    }

    private mutating func readMetric(_ reader: inout JSONReader) throws(JSONError) -> (series: UInt32, time: Int64, value: Double) {
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        var texts = [JSONText?](repeating: nil, count: PlainDecoder.names.count)
        var labels: [(name: JSONText, value: JSONText)] = []
        var hasLabels = false
        var time: Int64?
        var value: Double?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if let index = PlainDecoder.names.firstIndex(where: { key == $0 }) {
                guard texts[index] == nil else { throw reader.failure("a metric has \(key.string) twice") }
                texts[index] = try reader.readText()
            } else if key == "timestamp" {
                guard time == nil else { throw reader.failure("a metric has timestamp twice") }
                time = try PlainDecoder.readTime(&reader)
            } else if key == "value" {
                guard value == nil else { throw reader.failure("a metric has value twice") }
                value = try reader.readDouble()
            } else if key == "labels" {
                guard !hasLabels else { throw reader.failure("a metric has labels twice") }
                hasLabels = true
                try reader.beginObject()
                while let name = try reader.nextKey() { labels.append((name, try reader.readText())) }
            } else {
                _ = try reader.skipValue()
            }
        }
        guard let time else { throw reader.failure("a metric has no timestamp") }
        guard let value else { throw reader.failure("a metric has no value") }
        for index in 0..<PlainDecoder.requiredNames where texts[index] == nil {
            throw reader.failure("a metric has no \(PlainDecoder.names[index])")
        }
        func piece(_ i: Int) -> UnsafeRawBufferPointer {
            if i < texts.count { return texts[i]?.raw ?? empty }
            let label = labels[(i - texts.count) / 2]
            return (i - texts.count) % 2 == 0 ? label.name.raw : label.value.raw
        }
        // The number of labels goes in too: it is part of where the key ends.
        let pieces = texts.count + labels.count * 2
        var hash = UInt64(pieces)
        for i in 0..<pieces { hash = StableHash.hash(piece(i), seed: hash) }
        if let number = interner.find(hash, pieces, piece) { return (number, time, value) }
        let number = try makeSeries(texts, labels, reader)
        interner.add(hash, pieces, piece, number: number)
        return (number, time, value)
    }

    private static func readTime(_ reader: inout JSONReader) throws(JSONError) -> Int64 {
        let text = try reader.readText()
        do throws(TimestampFormatError) {
            return text.hasEscapes
                ? try Timestamp(rfc3339: text.string).nanoseconds : try Timestamp(rfc3339: text.raw).nanoseconds
        } catch {
            throw reader.failure("timestamp is \(error)")
        }
    }

    private mutating func makeSeries(
        _ texts: [JSONText?], _ labels: [(name: JSONText, value: JSONText)], _ reader: JSONReader
    ) throws(JSONError) -> UInt32 {
        let strings = texts.map { $0?.string ?? "" }
        guard !strings[0].isEmpty else { throw reader.failure("metric_name is empty") }
        guard !strings[1].isEmpty else { throw reader.failure("uuid is empty") }
        let read = labels.map { MetricLabel(name: $0.name.string, value: $0.value.string) }
        guard Set(read.map { ByteText($0.name) }).count == read.count else { throw reader.failure("labels has a name twice") }
        let new = MetricSeries(
            metricName: strings[0],
            gpu: GPUIdentity(
                gpuID: strings[2], device: strings[3], uuid: strings[1], modelName: strings[4], hostname: strings[5],
                container: strings[6], pod: strings[7], namespace: strings[8]),
            labels: read)
        if let number = indices[new] { return number }
        let number = UInt32(series.count)
        series.append(new)
        indices[new] = number
        return number
    }
}
