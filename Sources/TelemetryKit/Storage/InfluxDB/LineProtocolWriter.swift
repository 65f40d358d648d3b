import TelemetryNet

/// Writes samples as InfluxDB line protocol, a line each:
///
///     DCGM_FI_DEV_GPU_UTIL,device=nvidia0,gpu_id=0,hostname=h,model_name=NVIDIA\ H100,uuid=GPU-1 value=97,labels_raw="…" 1752871354000000000
///
/// The measurement is the metric's name; tags are sorted; `value` is a float; times are nanoseconds. Container, pod, namespace and
/// labels are string fields, because as tags every workload would make a new series; empty ones are left out. Texts pass through
/// ``LineProtocolText``, so no line feed occurs but at the end of a line.
/// Format: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
struct LineProtocolWriter {
    private(set) var output = ByteWriter()

    /// What is the same on every line of a series: all before the value, and all between it and the time.
    struct SeriesText {
        var head: [UInt8]
        var tail: [UInt8]
    }

    static func text(of series: MetricSeries, workloadTags: Bool = false) -> SeriesText {
        var head = ByteWriter()
        head.appendEscaped(LineProtocolText.encoded(series.metricName), equals: false)
        let gpu = series.gpu
        let workload = [("container", gpu.container), ("namespace", gpu.namespace), ("pod", gpu.pod)]
        var tags = [
            ("device", gpu.device), ("gpu_id", gpu.gpuID), ("hostname", gpu.hostname), ("model_name", gpu.modelName),
            ("uuid", gpu.uuid),
        ]
        if workloadTags { tags = (tags + workload).sorted { $0.0 < $1.0 } }
        for (name, value) in tags where !value.isEmpty {
            head.append(UInt8(ascii: ","))
            head.append(name)
            head.append(UInt8(ascii: "="))
            head.appendEscaped(LineProtocolText.encoded(value), equals: true)
        }
        head.append(" value=")
        var fields = workloadTags ? [] : workload.filter { !$0.1.isEmpty }.map { ($0.0, LineProtocolText.encoded($0.1)) }
        if !series.labels.isEmpty { fields.append(("labels_raw", StoredLabels.text(series.labels))) }
        var tail = ByteWriter()
        for (name, value) in fields {
            tail.append(UInt8(ascii: ","))
            tail.append(name)
            tail.append(UInt8(ascii: "="))
            tail.appendQuoted(value)
        }
        tail.append(UInt8(ascii: " "))
        return SeriesText(head: head.bytes, tail: tail.bytes)
    }

    /// Adds a line. A value that is not finite has no form in the protocol and makes none.
    @inline(__always)
    mutating func append(_ series: SeriesText, timestamp: Int64, value: Double) {
        guard value.isFinite else { return }
        output.append(series.head)
        output.appendDouble(value)
        output.append(series.tail)
        output.appendDecimal(timestamp)
        output.append(UInt8(ascii: "\n"))
    }
}

/// The lines of batches in bodies of about a size, each made when it is asked for.
struct LineProtocolBodies: Sequence, IteratorProtocol {
    private let batches: [MetricBatch]
    private let maximumBytes: Int
    private let workloadTags: Bool
    private var batch = 0
    private var sample = 0
    /// Of the current batch's series.
    private var texts: [LineProtocolWriter.SeriesText] = []

    init(_ batches: [MetricBatch], maximumBytes: Int, workloadTags: Bool = false) {
        self.batches = batches
        self.maximumBytes = maximumBytes
        self.workloadTags = workloadTags
    }

    mutating func next() -> [UInt8]? {
        var writer = LineProtocolWriter()
        while batch < batches.count {
            let current = batches[batch]
            if sample == 0 {
                texts = current.series.map { LineProtocolWriter.text(of: $0, workloadTags: workloadTags) }
            }
            let indices = current.seriesIndices
            let times = current.timestamps
            let values = current.values
            while sample < indices.count {
                writer.append(texts[Int(indices[sample])], timestamp: times[sample], value: values[sample])
                sample += 1
                if writer.output.count >= maximumBytes { return writer.output.bytes }
            }
            batch += 1
            sample = 0
        }
        return writer.output.count > 0 ? writer.output.bytes : nil
    }
}

extension ByteWriter {
    /// A measurement or tag text: comma and space take a backslash, in tags the equals sign too.
    fileprivate mutating func appendEscaped(_ text: String, equals: Bool) {
        for byte in text.utf8 {
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: " ") || (equals && byte == UInt8(ascii: "=")) {
                append(UInt8(ascii: "\\"))
            }
            append(byte)
        }
    }

    /// A string field's value.
    fileprivate mutating func appendQuoted(_ text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { append(UInt8(ascii: "\\")) }
            append(byte)
        }
        append(UInt8(ascii: "\""))
    }
}
