import TelemetryKit

/// CSV read one byte after the other by the words of RFC 4180 and of ``CSVReader``, with no regard to speed. The whole text is at hand.
struct NaiveCSV {
    enum Event: Equatable {
        /// Fields without their quotes, the line, and where the next row begins.
        case row([[UInt8]], line: Int, next: Int)
        case bad(CSVError.Kind, line: Int, column: Int)
    }

    private enum State {
        case fieldStart, plain, quoted
        /// Behind a quote in a quoted field: it is the last, or one of two.
        case quoteSeen
        case carriageReturnSeen
    }

    private let text: [UInt8]
    private let maxRowBytes: Int
    private var position = 0
    private var expectedFields = 0

    init(_ text: [UInt8], maxRowBytes: Int) {
        self.text = text
        self.maxRowBytes = maxRowBytes
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// A text that begins as what is compressed does: gzip, zstd, xz, zip.
    static func isCompressed(_ text: [UInt8]) -> Bool {
        [[0x1F, 0x8B], [0x28, 0xB5, 0x2F], [0xFD, 0x37, 0x7A], [0x50, 0x4B, 0x03]].contains { text.starts(with: $0) }
    }

    /// `nil`: the end.
    mutating func next() -> Event? {
        while position < text.count {
            let start = position
            let isEmptyLine = text[start...].starts(with: [0x0A]) || text[start...].starts(with: [0x0D, 0x0A])
            let event = row(from: start)
            guard case .row(let fields, let line, _) = event else { return event }
            if fields.count == expectedFields { return event }
            if isEmptyLine { continue }
            if expectedFields > 0 { return .bad(.fieldCount, line: line, column: 0) }
            expectedFields = fields.count
            return event
        }
        return nil
    }

    private mutating func row(from start: Int) -> Event {
        var fields: [[UInt8]] = []
        var field: [UInt8] = []
        var fieldStart = start
        var state = State.fieldStart
        func end(at next: Int) -> Event {
            position = next
            return .row(fields + [field], line: line(of: start), next: next)
        }
        func bad(_ kind: CSVError.Kind, at place: Int, column: Int) -> Event {
            position = (text[start...].firstIndex(of: 0x0A) ?? text.count - 1) + 1
            return .bad(kind, line: line(of: place), column: column)
        }
        for at in start..<text.count {
            if at - start == maxRowBytes { return bad(.rowTooLong, at: start, column: 0) }
            let byte = text[at]
            switch (state, byte) {
            case (.carriageReturnSeen, UInt8(ascii: "\n")):
                return end(at: at + 1)
            case (.carriageReturnSeen, _):
                return bad(.strayCarriageReturn, at: at - 1, column: fields.count + 1)
            case (.quoted, UInt8(ascii: "\"")):
                state = .quoteSeen
            case (.quoted, _):
                field.append(byte)
            case (.quoteSeen, UInt8(ascii: "\"")):
                field.append(byte)
                state = .quoted
            case (.fieldStart, UInt8(ascii: "\"")):
                fieldStart = at
                state = .quoted
            case (_, UInt8(ascii: ",")):
                fields.append(field)
                field = []
                state = .fieldStart
            case (_, UInt8(ascii: "\n")):
                return end(at: at + 1)
            case (_, UInt8(ascii: "\r")):
                state = .carriageReturnSeen
            case (.quoteSeen, _):
                return bad(.dataAfterQuote, at: at, column: fields.count + 1)
            case (_, UInt8(ascii: "\"")):
                return bad(.strayQuote, at: at, column: fields.count + 1)
            default:
                field.append(byte)
                state = .plain
            }
        }
        switch state {
        case .quoted: return bad(.quoteNotClosed, at: fieldStart, column: fields.count + 1)
        case .carriageReturnSeen: return bad(.strayCarriageReturn, at: text.count - 1, column: fields.count + 1)
        default: return end(at: text.count)
        }
    }

    private func line(of place: Int) -> Int { text[..<place].count { $0 == 0x0A } + 1 }
}
