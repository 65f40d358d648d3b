/// Writes the Prometheus text format 0.0.4, as far as the servers of this package use it.
extension ByteWriter {
    package typealias MetricLabels = KeyValuePairs<StaticString, String>

    /// The `Content-Type` of the format.
    package static let prometheusContentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Writes the two comment lines that precede a metric's samples. `type`: `counter`, `gauge` or `summary`.
    package mutating func appendMetricFamily(_ name: StaticString, _ type: StaticString, _ help: StaticString) {
        append("# HELP ")
        append(name)
        append(" ")
        append(help)
        append("\n# TYPE ")
        append(name)
        append(" ")
        append(type)
        append("\n")
    }

    /// Writes one sample of a metric whose family was written before.
    package mutating func appendMetricSample(_ name: StaticString, _ labels: MetricLabels, _ value: Int64) {
        append(name, labels)
        appendDecimal(value)
        append("\n")
    }

    /// Like ``appendMetricSample(_:_:_:)``, for a value that need not be an integer.
    package mutating func appendMetricSample(_ name: StaticString, _ labels: MetricLabels, real value: Double) {
        append(name, labels)
        if value.isFinite {
            appendDouble(value)
        } else {
            append(value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf")
        }
        append("\n")
    }

    /// Writes a metric with one sample and without labels.
    package mutating func appendMetric(_ name: StaticString, _ type: StaticString, _ help: StaticString, _ value: Int64)
    {
        appendMetricFamily(name, type, help)
        appendMetricSample(name, [:], value)
    }

    /// Like ``appendMetric(_:_:_:_:)``, for a value that need not be an integer.
    package mutating func appendMetric(
        _ name: StaticString, _ type: StaticString, _ help: StaticString, real value: Double
    ) {
        appendMetricFamily(name, type, help)
        appendMetricSample(name, [:], real: value)
    }

    private mutating func append(_ name: StaticString, _ labels: MetricLabels) {
        append(name)
        for (index, (label, value)) in labels.enumerated() {
            append(index == 0 ? "{" : ",")
            append(label)
            append("=")
            appendPrometheusLabelValue(value)
        }
        append(labels.isEmpty ? " " : "} ")
    }

    /// Writes a label value in quotes. Three characters are escaped, and no others may be.
    package mutating func appendPrometheusLabelValue(_ value: String) {
        append("\"")
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\n"): append("\\n")
            default: append(byte)
            }
        }
        append("\"")
    }
}
