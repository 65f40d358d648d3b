import TelemetryNet

/// What is wrong with a CSV file or with one row of it, and where.
public struct CSVError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, for counting. The raw values are words for people.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        // The file.
        /// There is no file where one was expected.
        case noInput = "nothing to read"
        /// The system refuses to open or to read it.
        case unreadable = "file cannot be read"
        /// The file ends before its header.
        case noHeader = "no header"
        /// The header lacks a column that is needed.
        case missingColumn = "missing column"
        /// The header names a column twice.
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
        // The meaning of a field.
        /// A text that is not UTF-8.
        case invalidUTF8 = "not UTF-8"
        /// A time that is not RFC 3339, or out of range.
        case timestamp = "not a timestamp"
        /// Empty where a sample needs a text: time, metric name, uuid or value.
        case emptyField = "empty field"
        /// A value that is not a decimal number.
        case notANumber = "not a number"
        /// A value that is NaN or infinite.
        case notFinite = "not a finite number"
        /// `labels_raw` is not a list of `name="value"`.
        case labels = "malformed labels"
    }

    /// What is wrong.
    public var kind: Kind
    /// The path, or the name that the caller gave the source.
    public var file: String
    /// The physical line, counted from 1; 0 where the error is the file's.
    public var line: Int
    /// The field, counted from 1; 0 where the error is the row's.
    public var column: Int
    /// The header's name of the field, where it is known.
    public var columnName: String?
    /// What was found, and what was expected.
    public var message: String

    /// An error of `kind`; the other members as they are described.
    public init(_ kind: Kind, file: String, line: Int = 0, column: Int = 0, columnName: String? = nil, message: String) {
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

/// What a reader does at a bad row.
public enum BadRowPolicy: String, Sendable, Hashable, CaseIterable {
    /// Throws.
    case stop
    /// Counts it in ``BadRows`` and goes on with the next line.
    case skip
}

/// The bad rows that a reader skipped.
public struct BadRows: Sendable, Hashable {
    /// How many.
    public private(set) var count = 0
    /// How many of each kind.
    public private(set) var countsByKind: [CSVError.Kind: Int] = [:]
    /// The first few, for a person to look at.
    public private(set) var first: [CSVError] = []

    /// As many as ``first`` keeps.
    public static let kept = 8

    /// None.
    public init() {}

    /// Counts one, and keeps it where it is among the first.
    public mutating func add(_ error: CSVError) {
        count += 1
        countsByKind[error.kind, default: 0] += 1
        if first.count < BadRows.kept { first.append(error) }
    }

    /// Counts those of another reader as well.
    public mutating func add(_ other: BadRows) {
        count += other.count
        for (kind, n) in other.countsByKind { countsByKind[kind, default: 0] += n }
        first.append(contentsOf: other.first.prefix(BadRows.kept - first.count))
    }
}
