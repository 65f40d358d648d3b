import TelemetryModels

/// One line of Prometheus text that holds a value.
public struct PrometheusSample: Sendable {
    /// Index of the series in ``PrometheusTextReader/series``.
    public var series: UInt32
    /// NaN and infinities are values here.
    public var value: Double
    /// Milliseconds since 1970-01-01T00:00:00Z, where the line says it.
    public var timestamp: Int64?
}

/// A metric's name with its labels: what samples share from text to text.
public struct PrometheusSeries: Hashable, Sendable {
    /// The metric's name.
    public var name: String
    /// In the order of the line; names are unique.
    public var labels: [MetricLabel]

    /// A series. Names of labels must be unique, which is not checked.
    public init(name: String, labels: [MetricLabel] = []) {
        self.name = name
        self.labels = labels
    }
}

/// What the comments HELP and TYPE of a text say of a metric.
public struct PrometheusFamily: Hashable, Sendable {
    /// The types that a TYPE comment may name.
    public enum MetricType: String, Sendable, Hashable, CaseIterable {
        /// Of the text format 0.0.4.
        case counter, gauge, histogram, summary
        /// Also a metric without a TYPE.
        case untyped
        // OpenMetrics has these besides.
        /// Of OpenMetrics.
        case unknown, info, stateset, gaugehistogram
    }

    /// The metric's name, without suffixes.
    public var name: String
    /// With its escapes resolved; `nil` where there is none.
    public var help: String?
    /// What its TYPE says.
    public var type: MetricType

    /// A family with these members.
    public init(name: String, help: String? = nil, type: MetricType = .untyped) {
        self.name = name
        self.help = help
        self.type = type
    }
}
