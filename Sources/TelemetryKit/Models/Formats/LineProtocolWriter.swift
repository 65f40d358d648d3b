import TelemetryBase

/// The mapping of samples to the database.
package struct InfluxLayout: Sendable, Hashable {
    /// All metrics of a GPU are fields of one measurement.
    package var isWide = false
    /// Container, namespace and pod are tags, not fields.
    package var workloadTags = false

    package init(isWide: Bool = false, workloadTags: Bool = false) {
        self.isWide = isWide
        self.workloadTags = workloadTags
    }

    /// The measurement of the wide schema.
    package static let wideMeasurement = "gpu"
}

/// Writes samples as InfluxDB line protocol, one line each:
///
///     DCGM_FI_DEV_GPU_UTIL,device=nvidia0,gpu_id=0,hostname=h,model_name=NVIDIA\ H100,uuid=GPU-1 value=97,labels_raw="…" 1752871354000000000
///     gpu,device=nvidia0,gpu_id=0,hostname=h,model_name=NVIDIA\ H100,uuid=GPU-1 DCGM_FI_DEV_GPU_UTIL=97,DCGM_FI_DEV_GPU_UTIL.labels="…" 175…
///
/// The second is the wide schema; the database merges the lines of one GPU and time into one point, and can refuse one
/// of them separately. Tags are sorted; values are floats; times are nanoseconds. Container, pod, namespace and labels
/// are string fields, because as tags every workload would create a new series; empty ones are omitted. Texts are
/// encoded by ``LineProtocolText``, so line feeds occur only at the ends of lines.
///
/// Format: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
package struct LineProtocolWriter {
    private(set) var output: ByteWriter

    init(capacity: Int) { output = ByteWriter(capacity: capacity) }

    /// The constant parts of every line of a series: the text before the value, and the text between it and the time.
    package struct SeriesText {
        package var head: [UInt8]
        package var tail: [UInt8]

        /// A value and a time have at most 24 and 20 characters.
        var longestLine: Int { head.count + tail.count + 48 }
    }

    package static func text(of series: MetricSeries, _ layout: InfluxLayout = InfluxLayout()) -> SeriesText {
        let isWide = layout.isWide
        let field = isWide ? WideField.name(of: series.metricName) : "value"
        var head = ByteWriter()
        head.appendEscaped(
            isWide ? InfluxLayout.wideMeasurement : LineProtocolText.encoded(series.metricName), equals: false)
        let gpu = series.gpu
        for member in layout.workloadTags ? GPUMember.byName : GPUMember.gpuByName {
            let value = member.text(of: gpu)
            guard !value.isEmpty else { continue }
            head.append(UInt8(ascii: ","))
            head.append(member.name)
            head.append(UInt8(ascii: "="))
            head.appendEscaped(LineProtocolText.encoded(value), equals: true)
        }
        head.append(UInt8(ascii: " "))
        head.appendEscaped(field, equals: true)
        head.append(UInt8(ascii: "="))
        var fields: [(String, String)] = []
        for member in GPUMember.workloadByName where !layout.workloadTags {
            let value = member.text(of: gpu)
            if !value.isEmpty { fields.append((member.name, LineProtocolText.encoded(value))) }
        }
        if !series.labels.isEmpty {
            fields.append((isWide ? field + WideField.labelsSuffix : "labels_raw", StoredLabels.text(series.labels)))
        }
        var tail = ByteWriter()
        for (name, value) in fields {
            tail.append(UInt8(ascii: ","))
            tail.appendEscaped(name, equals: true)
            tail.append(UInt8(ascii: "="))
            tail.appendQuoted(value)
        }
        tail.append(UInt8(ascii: " "))
        return SeriesText(head: head.bytes, tail: tail.bytes)
    }

    /// Adds a line. The value must be finite: the protocol has no others.
    @inline(__always)
    mutating func append(_ series: SeriesText, timestamp: Int64, value: Double) {
        output.append(series.head)
        output.appendDouble(value)
        output.append(series.tail)
        output.appendDecimal(timestamp)
        output.append(UInt8(ascii: "\n"))
    }
}

/// The lines of batches in bodies of about a given size, each created on demand and contiguous in memory.
package struct LineProtocolBodies {
    package struct Body: Sendable {
        package var lines: [UInt8]
        /// The index of the first line, counted from 0 over all bodies.
        package var firstLine: Int
    }

    private let batches: [MetricBatch]
    /// The series of each batch.
    private var texts: [[LineProtocolWriter.SeriesText]] = []
    private let maxBytes: Int
    /// The maximum size of the lines that are not created yet, and of the longest line.
    private var restBytes = 0
    private var longestLine = 0
    private var batch = 0
    private var sample = 0
    /// The number of lines so far.
    private var count = 0

    package init(_ batches: [MetricBatch], maxBytes: Int, layout: InfluxLayout = InfluxLayout()) {
        self.batches = batches
        self.maxBytes = maxBytes
        var known: [MetricSeries: LineProtocolWriter.SeriesText] = [:]
        for batch in batches {
            let texts = batch.series.map { series in
                if let text = known[series] { return text }
                let text = LineProtocolWriter.text(of: series, layout)
                known[series] = text
                longestLine = max(longestLine, text.longestLine)
                return text
            }
            for index in batch.seriesIndices { restBytes += texts[Int(index)].longestLine }
            self.texts.append(texts)
        }
    }

    package mutating func next() -> Body? {
        let first = count
        // With less capacity a body would be copied each time that it outgrows its memory.
        var writer = LineProtocolWriter(capacity: min(restBytes, maxBytes.addingClamped(longestLine)))
        while batch < batches.count {
            let texts = texts[batch]
            let indices = batches[batch].seriesIndices
            let times = batches[batch].timestamps
            let values = batches[batch].values
            while sample < indices.count {
                let text = texts[Int(indices[sample])]
                restBytes -= text.longestLine
                if values[sample].isFinite {
                    writer.append(text, timestamp: times[sample], value: values[sample])
                    count += 1
                }
                sample += 1
                if writer.output.count >= maxBytes { return Body(lines: writer.output.bytes, firstLine: first) }
            }
            batch += 1
            sample = 0
        }
        return count > first ? Body(lines: writer.output.bytes, firstLine: first) : nil
    }
}

extension ByteWriter {
    /// A measurement or tag text: comma and space are escaped with a backslash, in tags the equals sign too.
    fileprivate mutating func appendEscaped(_ text: String, equals: Bool) {
        for byte in text.utf8 {
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: " ") || (equals && byte == UInt8(ascii: "=")) {
                append(UInt8(ascii: "\\"))
            }
            append(byte)
        }
    }

    /// The value of a string field.
    fileprivate mutating func appendQuoted(_ text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { append(UInt8(ascii: "\\")) }
            append(byte)
        }
        append(UInt8(ascii: "\""))
    }
}
