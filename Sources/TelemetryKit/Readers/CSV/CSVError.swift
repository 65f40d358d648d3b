import TelemetryBase

/// An error in a CSV file or in one row of it, with its location.
public struct CSVError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of error, for counting. The raw values are descriptions for people.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        // The file.
        /// The file does not exist.
        case noInput = "nothing to read"
        /// The system does not allow opening or reading it.
        case unreadable = "file cannot be read"
        /// The file ends before its header.
        case noHeader = "no header"
        /// The header lacks a required column.
        case missingColumn = "missing column"
        /// The header contains a column twice.
        case duplicateColumn = "column twice"
        // The form of a row (RFC 4180).
        /// The file ends within quotes.
        case quoteNotClosed = "quote not closed"
        /// A closing quote is followed by neither a comma nor a line end.
        case dataAfterQuote = "data after a closing quote"
        /// A quote within a field that does not begin with one.
        case strayQuote = "stray quote"
        /// A carriage return that no line feed follows.
        case strayCarriageReturn = "stray carriage return"
        /// More or fewer fields than the header has.
        case fieldCount = "wrong number of fields"
        /// Longer than ``CSVReader/Configuration/maxRowBytes``.
        case rowTooLong = "row too long"
        // Errors in the meaning of a field.
        /// A text that is not UTF-8.
        case invalidUTF8 = "not UTF-8"
        /// A time that is not RFC 3339, or out of range.
        case timestamp = "not a timestamp"
        /// Empty although a sample requires it: time, metric name, uuid or value.
        case emptyField = "empty field"
        /// A value that is not a decimal number.
        case notANumber = "not a number"
        /// A value that is NaN or infinite.
        case notFinite = "not a finite number"
        /// `labels_raw` is not a list of `name="value"`.
        case labels = "malformed labels"
    }

    /// The kind of error.
    public var kind: Kind
    /// The path, or the name that the caller gave the source.
    public var file: String
    /// The physical line, counted from 1; 0 if the error concerns the file.
    public var line: Int
    /// The field, counted from 1; 0 if the error concerns the row.
    public var column: Int
    /// The header's name of the field, if it is known.
    public var columnName: String?
    /// A description of what was found, and what was expected.
    public var message: String

    /// Creates an error from its members.
    public init(_ kind: Kind, file: String, line: Int = 0, column: Int = 0, columnName: String? = nil, message: String)
    {
        self.kind = kind
        self.file = file
        self.line = line
        self.column = column
        self.columnName = columnName
        self.message = message
    }

    public var description: String {
        var text = file
        if line > 0 { text += ":\(line)" }
        if column > 0 { text += ", field \(column)" }
        if let columnName { text += " (\(abbreviated(columnName)))" }
        return text + ": " + message
    }
}

/// The behaviour of a reader at an invalid row.
public enum BadRowPolicy: String, Sendable, Hashable, CaseIterable {
    /// Throws the error.
    case stop
    /// Counts it in ``BadRows`` and continues with the next line.
    case skip
}

/// The bad rows that a reader skipped.
public struct BadRows: Sendable, Hashable {
    /// The number of skipped rows.
    public private(set) var count = 0
    /// The number of skipped rows by kind.
    public private(set) var countsByKind: [CSVError.Kind: Int] = [:]
    /// The first few errors, for a person to inspect.
    public private(set) var first: [CSVError] = []

    /// The maximum number of errors in ``first``.
    public static let kept = 8

    /// Creates an empty count.
    public init() {}

    /// Counts an error, and keeps it if it is among the first.
    public mutating func add(_ error: CSVError) {
        count += 1
        countsByKind[error.kind, default: 0] += 1
        if first.count < BadRows.kept { first.append(error) }
    }

    /// Adds the counts of another reader.
    public mutating func add(_ other: BadRows) {
        count += other.count
        for (kind, n) in other.countsByKind { countsByKind[kind, default: 0] += n }
        first.append(contentsOf: other.first.prefix(BadRows.kept - first.count))
    }
}
