import TelemetryNet

/// Writes samples in one of the formats.
///
/// Of a row only time and value differ from others of its series; all between them is made once a series and copied.
struct ExportWriter {
    private struct SeriesText {
        /// Between time and value; in the line protocol all before the value.
        var head: [UInt8]
        var tail: [UInt8]
    }

    /// More series than this begin anew: a store may give every sample a series of its own.
    private static let maximumSeries = 1 << 16

    let format: ExportFormat
    private(set) var output = ByteWriter(capacity: ExportWriter.chunkBytes + 4096)
    private(set) var count = 0
    private var texts: [MetricSeries: SeriesText] = [:]
    /// Many samples follow each other that have one time.
    private var time = Timestamp(nanoseconds: 0)
    private var timeText: [UInt8] = []

    /// About how large the pieces are that are sent.
    static let chunkBytes = 128 * 1024

    init(format: ExportFormat) {
        self.format = format
        timeText = Self.text(of: time, format)
    }

    mutating func begin() {
        switch format {
        case .csv: output.append("timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw\r\n")
        case .json: output.append("{\"data\":[")
        case .lineprotocol: break
        }
    }

    mutating func append(_ sample: GPUMetric) {
        // The line protocol and JSON have no other; a store does not hold them.
        guard sample.value.isFinite else { return }
        if sample.timestamp != time {
            time = sample.timestamp
            timeText = Self.text(of: time, format)
        }
        let text = text(of: sample.series)
        switch format {
        case .csv, .json:
            if format == .json, count > 0 { output.append(UInt8(ascii: ",")) }
            output.append(timeText)
            output.append(text.head)
            output.appendDouble(sample.value)
            output.append(text.tail)
        case .lineprotocol:
            output.append(text.head)
            output.appendDouble(sample.value)
            output.append(text.tail)
            output.append(timeText)
        }
        count += 1
    }

    mutating func end() {
        guard format == .json else { return }
        output.append("],\"count\":")
        output.appendDecimal(count)
        output.append("}\n")
    }

    /// What was written since the last time.
    mutating func take() -> [UInt8] {
        defer { output = ByteWriter(capacity: Self.chunkBytes + 4096) }
        return output.bytes
    }

    // MARK: What rows are made of

    private static func text(of time: Timestamp, _ format: ExportFormat) -> [UInt8] {
        var out = ByteWriter(capacity: Timestamp.longestText + 16)
        switch format {
        case .csv: out.appendJSON(time)  // No character of a time asks for an escape: in quotes it is the same in both.
        case .json:
            out.append("{\"timestamp\":")
            out.appendJSON(time)
        case .lineprotocol:
            out.appendDecimal(time.nanoseconds)
            out.append("\n")
        }
        return out.bytes
    }

    private mutating func text(of series: MetricSeries) -> SeriesText {
        if let text = texts[series] { return text }
        if texts.count >= Self.maximumSeries { texts.removeAll(keepingCapacity: true) }
        let text =
            switch format {
            case .csv: Self.csv(series)
            case .json: Self.json(series)
            case .lineprotocol: Self.lineProtocol(series)
            }
        texts[series] = text
        return text
    }

    private static func csv(_ series: MetricSeries) -> SeriesText {
        let gpu = series.gpu
        var head = ByteWriter()
        for field in [
            series.metricName, gpu.gpuID, gpu.device, gpu.uuid, gpu.modelName, gpu.hostname, gpu.container, gpu.pod, gpu.namespace,
        ] {
            head.append(",")
            head.appendCSVField(field)
        }
        head.append(",\"")
        var tail = ByteWriter()
        tail.append("\",")
        tail.appendCSVField(MetricLabel.prometheusText(series.labels))
        tail.append("\r\n")
        return SeriesText(head: head.bytes, tail: tail.bytes)
    }

    private static func json(_ series: MetricSeries) -> SeriesText {
        var head = ByteWriter()
        head.append(",")
        head.appendMembers(named: series.metricName, of: series.gpu)
        head.append(",\"value\":")
        var tail = ByteWriter()
        tail.append(",\"labels\":")
        tail.appendJSON(series.labels)
        tail.append("}")
        return SeriesText(head: head.bytes, tail: tail.bytes)
    }

    private static func lineProtocol(_ series: MetricSeries) -> SeriesText {
        let text = LineProtocolWriter.text(of: series)
        return SeriesText(head: text.head, tail: text.tail)
    }
}

extension ByteWriter {
    /// In quotes, with quotes doubled (RFC 4180).
    fileprivate mutating func appendCSVField(_ text: String) {
        append("\"")
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") { append("\"") }
            append(byte)
        }
        append("\"")
    }
}
