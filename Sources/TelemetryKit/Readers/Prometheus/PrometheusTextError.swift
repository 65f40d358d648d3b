/// What is wrong with a line of Prometheus text, and where.
public struct PrometheusTextError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, for counting. The raw values are words for people.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        // The source.
        /// The system refuses to open or to read it.
        case unreadable = "source cannot be read"
        /// Longer than ``PrometheusTextReader/Configuration/maxLineBytes``.
        case lineTooLong = "line too long"
        /// It may be cut short.
        case lineNotEnded = "last line without a line feed"
        /// A text that is not UTF-8.
        case invalidUTF8 = "not UTF-8"
        // A sample.
        /// Neither a name nor a comment begins the line.
        case metricName = "not a metric name"
        /// Prometheus 3 sends such names to those who ask for them.
        case quotedName = "name in quotes"
        /// The list in braces is broken, or names a label twice.
        case labels = "malformed labels"
        /// The line ends behind its series.
        case missingValue = "no value"
        /// Not a number as Prometheus reads them.
        case value = "not a number"
        /// Not a whole number of milliseconds.
        case timestamp = "not a timestamp"
        /// OpenMetrics.
        case exemplar = "exemplar"
        /// More than a value and a time.
        case trailingText = "text behind the sample"
        /// The text had the series before, with the same time.
        case repeatedSeries = "series twice"
        // HELP and TYPE.
        /// A comment that begins as one of these and does not go on as one.
        case metadata = "malformed HELP or TYPE"
        /// The metric has one already.
        case repeatedMetadata = "HELP or TYPE twice"
        /// Samples of the metric come before its type.
        case typeAfterSamples = "TYPE behind its samples"
    }

    /// What is wrong.
    public var kind: Kind
    /// The path, the scraped address, or the name that the caller gave the source.
    public var source: String
    /// Counted from 1; 0 where the error is the source's.
    public var line: Int
    /// The byte in the line, counted from 1; 0 where the error is the line's.
    public var column: Int
    /// What was found, and what was expected.
    public var message: String

    /// An error of `kind`; the other members as they are described.
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
