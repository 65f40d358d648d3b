/// Metrics in the Prometheus text format 0.0.4.
///
/// A family has its samples directly after it. Names and help texts are written as they are: a name has letters, digits
/// and underscores, a help text has no line break. The values of labels may be any text.
public struct MetricsText: Sendable {
    /// The type of a metric.
    public enum Kind: Sendable, Hashable {
        /// Only increases, and starts at 0 with the process. Its name ends with `_total`.
        case counter
        /// May increase and decrease.
        case gauge

        var name: StaticString { self == .counter ? "counter" : "gauge" }
    }

    package var writer = ByteWriter(capacity: 4096)

    /// Creates an empty text.
    public init() {}

    /// The text written so far, in UTF-8.
    public var bytes: [UInt8] { writer.bytes }

    /// Begins a metric with labels, whose samples follow.
    public mutating func appendMetricFamily(_ name: StaticString, _ kind: Kind, _ help: StaticString) {
        writer.appendMetricFamily(name, kind.name, help)
    }

    /// One sample of the metric that was begun last.
    ///
    /// - Parameter labels: the names and values, in order: `["reason": "too large"]`.
    public mutating func appendMetricSample(
        _ name: StaticString, _ labels: KeyValuePairs<StaticString, String>, _ value: some BinaryInteger
    ) {
        writer.appendMetricSample(name, labels, Int64(clamping: value))
    }

    /// A metric of one sample without labels.
    public mutating func appendMetric(
        _ name: StaticString, _ kind: Kind, _ help: StaticString, _ value: some BinaryInteger
    ) {
        writer.appendMetric(name, kind.name, help, Int64(clamping: value))
    }

    /// A metric of one sample without labels, which need not be a whole number.
    public mutating func appendMetric(_ name: StaticString, _ kind: Kind, _ help: StaticString, real value: Double) {
        writer.appendMetric(name, kind.name, help, real: value)
    }
}
