/// An error in a line of Prometheus text, with its location.
public struct PrometheusTextError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of error, for counting. The raw values are descriptions for people.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        // Errors of the source.
        /// The system does not allow opening or reading it.
        case unreadable = "source cannot be read"
        /// Longer than ``PrometheusTextReader/Configuration/maxLineBytes``.
        case lineTooLong = "line too long"
        /// It may be truncated.
        case lineNotEnded = "last line without a line feed"
        /// A text that is not UTF-8.
        case invalidUTF8 = "not UTF-8"
        // Errors of a sample.
        /// The line begins with neither a name nor a comment.
        case metricName = "not a metric name"
        /// Prometheus 3 sends such names to clients that request them.
        case quotedName = "name in quotes"
        /// The list in braces is malformed, or contains a label twice.
        case labels = "malformed labels"
        /// The line ends after its series.
        case missingValue = "no value"
        /// Not a number in the syntax of Prometheus.
        case value = "not a number"
        /// Not a whole number of milliseconds.
        case timestamp = "not a timestamp"
        /// A feature of OpenMetrics.
        case exemplar = "exemplar"
        /// More than a value and a timestamp.
        case trailingText = "text after the sample"
        /// The text already contained the series with the same timestamp.
        case repeatedSeries = "series twice"
        // Errors of HELP and TYPE.
        /// A comment that begins with HELP or TYPE but does not have their form.
        case metadata = "malformed HELP or TYPE"
        /// The metric already has one.
        case repeatedMetadata = "HELP or TYPE twice"
        /// Samples of the metric come before its type.
        case typeAfterSamples = "TYPE after its samples"
    }

    /// The kind of error.
    public var kind: Kind
    /// The path, the scraped address, or the name that the caller gave the source.
    public var source: String
    /// The line, counted from 1; 0 if the error concerns the source.
    public var line: Int
    /// The byte in the line, counted from 1; 0 if the error concerns the line.
    public var column: Int
    /// A description of what was found, and what was expected.
    public var message: String

    /// Creates an error from its members.
    public init(_ kind: Kind, source: String, line: Int = 0, column: Int = 0, message: String) {
        self.kind = kind
        self.source = source
        self.line = line
        self.column = column
        self.message = message
    }

    public var description: String {
        var text = source
        if line > 0 { text += ":\(line)" }
        if column > 0 { text += ", byte \(column)" }
        return text + ": " + message
    }
}

extension RejectedRows {
    package mutating func add(_ error: PrometheusTextError) {
        count += 1
        countsByReason[error.kind.rawValue, default: 0] += 1
        if first.count < BadRows.kept { first.append(error.description) }
    }

    package mutating func add(_ other: RejectedRows) {
        count += other.count
        countsByReason.merge(other.countsByReason, uniquingKeysWith: +)
        first += other.first.prefix(BadRows.kept - first.count)
    }
}
