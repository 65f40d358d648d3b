/// What is wrong with a CSV file or with one row of it, and where.
public struct CSVError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        // The file.
        case noInput = "nothing to read"
        case unreadable = "file cannot be read"
        case noHeader = "no header"
        case missingColumn = "missing column"
        case duplicateColumn = "column twice"
        // The form of a row (RFC 4180).
        case quoteNotClosed = "quote not closed"
        case dataAfterQuote = "data after a closing quote"
        case strayQuote = "stray quote"
        case strayCarriageReturn = "stray carriage return"
        case fieldCount = "wrong number of fields"
        case rowTooLong = "row too long"
        // The meaning of a field.
        case invalidUTF8 = "not UTF-8"
        case timestamp = "not a timestamp"
        case emptyField = "empty field"
        case notANumber = "not a number"
        case notFinite = "not a finite number"
        case labels = "malformed labels"
    }

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
        if let columnName { text += " (\(columnName))" }
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
    public private(set) var countsByKind: [CSVError.Kind: Int] = [:]
    /// The first few, for a person to look at.
    public private(set) var first: [CSVError] = []

    /// As many as ``first`` keeps.
    public static let kept = 8

    public init() {}

    public mutating func add(_ error: CSVError) {
        count += 1
        countsByKind[error.kind, default: 0] += 1
        if first.count < BadRows.kept { first.append(error) }
    }

    public mutating func add(_ other: BadRows) {
        count += other.count
        for (kind, n) in other.countsByKind { countsByKind[kind, default: 0] += n }
        first.append(contentsOf: other.first.prefix(BadRows.kept - first.count))
    }
}
