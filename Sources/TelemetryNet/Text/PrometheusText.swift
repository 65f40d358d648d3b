/// The Prometheus text format 0.0.4, as far as servers of ours write it.
extension ByteWriter {
    /// The two comment lines that precede a metric's samples. `type`: `counter`, `gauge` or `summary`.
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

    /// A metric of one sample without labels.
    package mutating func appendMetric(_ name: StaticString, _ type: StaticString, _ help: StaticString, _ value: Int64) {
        appendMetricFamily(name, type, help)
        append(name)
        append(" ")
        appendDecimal(value)
        append("\n")
    }
}
