import TelemetryModels

/// One line of Prometheus text that contains a value.
public struct PrometheusSample: Sendable {
    /// The index of the series in ``PrometheusTextReader/series``.
    public var series: UInt32
    /// The value; NaN and infinities are allowed.
    public var value: Double
    /// Milliseconds since 1970-01-01T00:00:00Z, if the line contains a timestamp.
    public var timestamp: Int64?
}

/// A metric's name with its labels: the part that samples share from text to text.
public struct PrometheusSeries: Hashable, Sendable {
    /// The metric's name.
    public var name: String
    /// The labels in the order of the line; names are unique.
    public var labels: [MetricLabel]

    /// Creates a series. Label names must be unique, which is not checked.
    public init(name: String, labels: [MetricLabel] = []) {
        self.name = name
        self.labels = labels
    }
}

/// The contents of a metric's HELP and TYPE comments.
public struct PrometheusFamily: Hashable, Sendable {
    /// The types that a TYPE comment may contain.
    public enum MetricType: String, Sendable, Hashable, CaseIterable {
        /// Types of the text format 0.0.4.
        case counter, gauge, histogram, summary
        /// Also used for a metric without a TYPE.
        case untyped
        // Additional types of OpenMetrics.
        /// A type of OpenMetrics.
        case unknown, info, stateset, gaugehistogram
    }

    /// The metric's name, without suffixes.
    public var name: String
    /// The help text with its escapes resolved; `nil` if there is none.
    public var help: String?
    /// The type from the TYPE comment.
    public var type: MetricType

    /// Creates a family from its members.
    public init(name: String, help: String? = nil, type: MetricType = .untyped) {
        self.name = name
        self.help = help
        self.type = type
    }
}
