import TelemetryBase

/// The JSON text of the models. The `Codable` conformances write the same members; these write bytes with no tree and
/// no strings in between, for the gateway and the codecs. What is written once per sample or series appends bytes.
extension ByteWriter {
    package mutating func appendJSON(_ time: Timestamp) {
        append(UInt8(ascii: "\""))
        withUnsafeTemporaryAllocation(byteCount: Timestamp.longestText, alignment: 1) { text in
            let count = time.write(to: text)
            append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[..<count]))
        }
        append(UInt8(ascii: "\""))
    }

    /// `{"timestamp":…,"metric_name":…,` the GPU's members `,"value":…,"labels":{…}}`
    package mutating func appendJSON(_ metric: GPUMetric) {
        append("{\"timestamp\":")
        appendJSON(metric.timestamp)
        appendJSONBeforeValue(of: metric.series)
        appendDouble(metric.value)
        appendJSONBehindValue(of: metric.series)
    }

    /// What of ``appendJSON(_:)`` stands between a sample's time and its value, and is the same for all samples of a series.
    package mutating func appendJSONBeforeValue(of series: MetricSeries) {
        append(UInt8(ascii: ","))
        appendMembers(named: series.metricName, of: series.gpu)
        append(",\"value\":")
    }

    /// What stands behind the value.
    package mutating func appendJSONBehindValue(of series: MetricSeries) {
        append(",\"labels\":")
        appendJSON(series.labels)
        append(UInt8(ascii: "}"))
    }

    /// An object, in the labels' order.
    package mutating func appendJSON(_ labels: [MetricLabel]) {
        append(UInt8(ascii: "{"))
        var first = true
        for label in labels {
            if !first { append(UInt8(ascii: ",")) }
            first = false
            appendJSONString(label.name)
            append(UInt8(ascii: ":"))
            appendJSONString(label.value)
        }
        append(UInt8(ascii: "}"))
    }

    /// The members that identify a series, without braces.
    package mutating func appendMembers(named metricName: String, of gpu: GPUIdentity) {
        append("\"metric_name\":")
        appendJSONString(metricName)
        append(UInt8(ascii: ","))
        appendMembers(of: gpu)
    }

    /// The members of a GPU, without braces.
    package mutating func appendMembers(of gpu: GPUIdentity) {
        var first = true
        for member in GPUMember.all {
            if !first { append(UInt8(ascii: ",")) }
            first = false
            append(member.jsonName)
            appendJSONString(member.text(of: gpu))
        }
    }
}
