import Glibc
import TelemetryBase

/// Reads CSV as defined by RFC 4180, row by row, from a file of any size in constant memory.
///
/// Fields may be quoted, with `""` for a quote, and may then contain commas and line ends. Rows end with LF or CRLF;
/// the last may end with the file. A byte order mark is skipped, and so are empty lines if rows have more than one
/// field. All rows have the same number of fields as the header (without one: as the first row).
///
///     var reader = try CSVReader(path: "metrics.csv")
///     while try reader.next() {
///         print(reader[0], reader[1])
///     }
///
/// After a ``CSVError`` about the form of a row, ``next()`` continues with the line after the first line of that row,
/// so that one invalid line costs one row, even if its quote is not closed.
///
/// Must not be shared between tasks while in use: a reader has one owner.
public struct CSVReader: ~Copyable {
    /// The options of a reader.
    public struct Configuration: Sendable {
        /// Whether the first row contains the column names. Default: `true`.
        public var hasHeader = true
        /// Whether spaces and tabs around a field, as in `a, "b"`, are removed; those within quotes are always kept.
        /// RFC 4180 keeps them. Default: `false`.
        public var trimsSpaces = false
        /// The maximum length of a row in bytes; a longer row is an error. It limits the memory, and the input that an
        /// unclosed quote can consume. Default: 1 MiB.
        public var maxRowBytes = 1 << 20
        /// The number of bytes read at a time. Bytes copied from the page cache should still be in the core's own cache
        /// when they are parsed: chunks of 64 KiB are copied three times as fast as 256 KiB here, and as fast as a
        /// mapped file is read. Default: 64 KiB.
        public var chunkSize = 64 << 10

        /// Creates a configuration with the default values.
        public init() {}
    }

    /// The range of a field's bytes in the window, without its quotes.
    struct Field {
        var start: Int
        var end: Int
        /// It contains `""`.
        var hasDoubledQuotes: Bool

        var count: Int { end - start }
    }

    /// The path or name, for messages.
    public let file: String
    /// The size of the file in bytes when it was opened; 0 if it has no size.
    public private(set) var fileSize = 0
    /// The column names; empty without a header.
    public private(set) var columns: [String] = []

    var window: ByteWindow
    let maxRowBytes: Int
    /// As configured; fixed while the header is read.
    var trimsSpaces: Bool
    /// The number of fields that every row must have; 0 until it is known.
    private var expectedFields = 0
    var fields: UnsafeMutablePointer<Field>
    var fieldCapacity: Int
    /// The fields of the current row.
    public internal(set) var count = 0
    var rowStart = 0
    /// The error of a row whose line has not been skipped yet.
    private var malformedRow: CSVError?
    private var scratch: [UInt8] = []

    /// Opens a file.
    public init(path: String, configuration: Configuration = Configuration()) throws(CSVError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CSVError(.unreadable, file: path, message: String(cString: strerror(errno)))
        }
        var status = stat()
        let size = fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
        try self.init(descriptor: descriptor, file: path, configuration: configuration)
        fileSize = size
    }

    /// Reads an open file from its beginning, and closes it at the end.
    init(descriptor: Int32, file: String, configuration: Configuration) throws(CSVError) {
        try self.init(
            ByteWindow(chunkSize: configuration.chunkSize, descriptor: descriptor, path: file), file: file,
            configuration)
    }

    /// Reads bytes in memory.
    public init(
        bytes: some Collection<UInt8>, name: String = "CSV", configuration: Configuration = Configuration()
    ) throws(CSVError) {
        try self.init(ByteWindow(copying: bytes), file: name, configuration)
    }

    /// Reads from a source that fills the start of a buffer and returns the number of bytes; 0 at the end.
    ///
    /// If the source throws, ``next()`` throws ``CSVError/Kind/unreadable`` without losing data: the next call reads
    /// from the source again.
    public init(
        name: String, configuration: Configuration = Configuration(),
        source: @escaping (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws(CSVError) {
        try self.init(ByteWindow(chunkSize: configuration.chunkSize, source: source), file: name, configuration)
    }

    private init(_ window: consuming ByteWindow, file: String, _ configuration: Configuration) throws(CSVError) {
        self.window = window
        self.file = file
        maxRowBytes = configuration.maxRowBytes
        trimsSpaces = configuration.trimsSpaces
        fieldCapacity = 16
        fields = .allocate(capacity: fieldCapacity)
        try checkStart()
        guard configuration.hasHeader else { return }
        guard try next() else { throw CSVError(.noHeader, file: file, message: "it is empty: no header") }
        var names: [String] = []
        for i in 0..<count { names.append(try string(i)) }
        columns = names
    }

    deinit { fields.deallocate() }

    /// Moves to the next row; `false` at the end.
    @inline(__always)
    public mutating func next() throws(CSVError) -> Bool {
        if malformedRow != nil { throw try passOverLine() }
        while true {
            switch scanRow() {
            case .row:
                if count == expectedFields { return true }
                if try acceptFieldCount() { return true }
            case .end: return false
            case .needsMore: try refill()
            case .malformed(let kind, let offset): throw try malformed(kind, at: offset)
            }
        }
    }

    /// The physical line, from 1, on which the current row begins.
    public var line: Int {
        mutating get { window.line(at: rowStart) }
    }

    /// The number of bytes of the source up to the next row.
    public var bytesRead: Int { window.dropped + window.position }

    /// Returns a field of the current row. Invalid UTF-8 is replaced; ``string(_:)`` throws instead.
    public subscript(index: Int) -> String {
        mutating get { withBytes(index) { String(decoding: $0, as: UTF8.self) } }
    }

    /// Returns a field of the current row.
    public mutating func string(_ index: Int) throws(CSVError) -> String {
        guard let text = withBytes(index, { String(validating: $0, as: UTF8.self) }) else {
            throw notUTF8(index)
        }
        return text
    }

    /// A field of the current row with doubled quotes resolved. The bytes are valid inside `body` only.
    public mutating func withBytes<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows
        -> Result
    {
        precondition(index >= 0 && index < count, "field \(index) of \(count)")
        let field = fields[index]
        guard field.hasDoubledQuotes else { return try body(raw(field)) }
        scratch.removeAll(keepingCapacity: true)
        // Text between quotes is copied in one piece: of a pair of quotes the first, of everything else all.
        var i = field.start
        while i < field.end {
            let quote = min(CSV.firstQuote(window.base, i, field.end) + 1, field.end)
            scratch.append(contentsOf: UnsafeBufferPointer(start: window.base + i, count: quote - i))
            i = quote + 1
        }
        return try scratch.withUnsafeBytes(body)
    }

    mutating func notUTF8(_ index: Int) -> CSVError { fieldError(.invalidUTF8, index, "the field is not UTF-8") }

    /// Creates an error about one field of the current row.
    mutating func fieldError(_ kind: CSVError.Kind, _ index: Int, _ message: String) -> CSVError {
        CSVError(
            kind, file: file, line: window.line(at: fields[index].start), column: index + 1,
            columnName: index < columns.count ? columns[index] : nil, message: message)
    }

    /// The bytes that were read and not yet parsed. They begin with a row.
    @inline(__always)
    var rest: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: window.base + window.position, count: window.limit - window.position)
    }

    /// The line of the next row, from 1.
    var nextLine: Int {
        mutating get { window.line(at: window.position) }
    }

    var isSeekable: Bool { window.isSeekable }

    /// Duplicates the descriptor of the file, for another reader.
    func duplicateDescriptor() throws(CSVError) -> Int32 {
        let descriptor = fcntl(window.descriptor, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else {
            throw CSVError(.unreadable, file: file, message: String(cString: strerror(errno)))
        }
        return descriptor
    }

    /// Moves to a row of a file, which begins at an offset and on a line.
    mutating func seek(to offset: Int, line: Int) { window.seek(to: offset, line: line) }

    /// Moves to the first line that begins at or after an offset: a guess, because the line may be within a quoted
    /// field. Lines are then counted from an arbitrary number.
    mutating func seek(toLineFrom offset: Int) throws(CSVError) {
        window.seek(to: offset - 1, line: 1)
        try skipLine()
    }

    /// Skips a row that the caller knows to be complete.
    @inline(__always)
    mutating func skip(_ bytes: Int) { window.position += bytes }

    /// The current row, with its line end.
    var row: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: window.base + rowStart, count: window.position - rowStart)
    }

    @inline(__always)
    func raw(_ field: Field) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: window.base + field.start, count: field.end - field.start)
    }
}

enum CSV {
    static let quote = UInt8(ascii: "\"")
    static let comma = UInt8(ascii: ",")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}

// MARK: - Rows and errors

extension CSVReader {
    /// `false` for an empty line, which is not a row.
    private mutating func acceptFieldCount() throws(CSVError) -> Bool {
        // An empty quoted field is a row; the byte before the field distinguishes it from an empty line.
        if count == 1, fields[0].count == 0,
            fields[0].start == rowStart || window.base[fields[0].start - 1] != CSV.quote
        {
            return false
        }
        if expectedFields == 0 {
            expectedFields = count
            return true
        }
        throw CSVError(
            .fieldCount, file: file, line: line, message: "\(count) fields instead of \(expectedFields)")
    }

    private mutating func refill() throws(CSVError) {
        do {
            try window.refill()
        } catch {
            // The window has moved in any case.
            rowStart = window.position
            throw CSVError(.unreadable, file: file, line: line, message: "\(error)")
        }
    }

    /// Skips a byte order mark, and refuses compressed input: otherwise its bytes would be reported as an invalid row.
    private mutating func checkStart() throws(CSVError) {
        while window.limit < 3, !window.isLast { try refill() }
        if let format = CompressedFormat(start: UnsafeBufferPointer(start: window.base, count: window.limit)) {
            throw CSVError(.unreadable, file: file, message: "it is compressed; decompress it with \(format.rawValue)")
        }
        if window.limit >= 3, window.base[0] == 0xEF, window.base[1] == 0xBB, window.base[2] == 0xBF {
            window.position = 3
        }
    }

    /// Describes the error and moves to the line after the first line of the row.
    private mutating func malformed(_ kind: CSVError.Kind, at offset: Int) throws(CSVError) -> CSVError {
        let message =
            switch kind {
            case .quoteNotClosed: "the quote is not closed before the end of the file"
            case .dataAfterQuote: "expected a comma or the end of the line after the closing quote"
            case .strayQuote: "a quote in a field that does not begin with one"
            case .strayCarriageReturn: "a carriage return without a line feed outside quotes"
            case .rowTooLong: "the row is longer than \(maxRowBytes) bytes"
            default: kind.rawValue
            }
        // A field is appended when its end is found: an error after it still belongs to that field.
        let column =
            kind == .rowTooLong ? 0 : kind == .dataAfterQuote || kind == .strayCarriageReturn ? count : count + 1
        malformedRow = CSVError(
            kind, file: file, line: window.line(at: offset), column: column,
            columnName: column > 0 && column <= columns.count ? columns[column - 1] : nil, message: message)
        count = 0
        return try passOverLine()
    }

    private mutating func passOverLine() throws(CSVError) -> CSVError {
        try skipLine()
        return malformedRow.take()!
    }

    /// Moves past the next line feed, or to the end.
    private mutating func skipLine() throws(CSVError) {
        while true {
            let rest = window.limit - window.position
            if rest > 0, let found = memchr(window.base + window.position, Int32(CSV.lineFeed), rest) {
                window.position =
                    UnsafePointer<UInt8>(found.assumingMemoryBound(to: UInt8.self)) - UnsafePointer(window.base) + 1
                return
            }
            window.position = window.limit
            if window.isLast { return }
            try refill()
        }
    }
}
