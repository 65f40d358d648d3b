/// What is wrong with a line of Prometheus text, and where.
public struct PrometheusTextError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        // The source.
        case unreadable = "source cannot be read"
        case lineTooLong = "line too long"
        case lineNotEnded = "last line without a line feed"
        case invalidUTF8 = "not UTF-8"
        // A sample.
        case metricName = "not a metric name"
        case quotedName = "name in quotes"
        case labels = "malformed labels"
        case missingValue = "no value"
        case value = "not a number"
        case timestamp = "not a timestamp"
        case exemplar = "exemplar"
        case trailingText = "text behind the sample"
        case repeatedSeries = "series twice"
        // HELP and TYPE.
        case metadata = "malformed HELP or TYPE"
        case repeatedMetadata = "HELP or TYPE twice"
        case typeAfterSamples = "TYPE behind its samples"
    }

    public var kind: Kind
    /// The path, the scraped address, or the name that the caller gave the source.
    public var source: String
    /// Counted from 1; 0 where the error is the source's.
    public var line: Int
    /// The byte in the line, counted from 1; 0 where the error is the line's.
    public var column: Int
    /// What was found, and what was expected.
    public var message: String

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
    mutating func add(_ error: PrometheusTextError) {
        count += 1
        countsByReason[error.kind.rawValue, default: 0] += 1
        if first.count < BadRows.kept { first.append(error.description) }
    }

    mutating func add(_ other: RejectedRows) {
        count += other.count
        countsByReason.merge(other.countsByReason, uniquingKeysWith: +)
        first += other.first.prefix(BadRows.kept - first.count)
    }
}
