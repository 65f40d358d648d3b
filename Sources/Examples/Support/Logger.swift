import TelemetryMQClient

package enum LogLevel: String, CaseIterable, Sendable, Comparable {
    case debug, info, warning, error

    private var rank: Int { LogLevel.allCases.firstIndex(of: self)! }
    package static func < (a: LogLevel, b: LogLevel) -> Bool { a.rank < b.rank }
}

package enum LogFormat: String, CaseIterable, Sendable { case text, json }

/// The `key=value` part of a line, in order.
package struct LogFields: ExpressibleByDictionaryLiteral, Sendable {
    package typealias Value = any CustomStringConvertible & Sendable
    package private(set) var pairs: [(key: String, value: Value)]

    package init(dictionaryLiteral elements: (String, Value)...) {
        pairs = elements.map { (key: $0.0, value: $0.1) }
    }

    package mutating func append(_ key: String, _ value: Value) { pairs.append((key, value)) }
}

/// Writes lines to standard error: level, time, message, and `key=value`; or one JSON object a line.
///
/// Warnings and errors of one message are bounded: after twenty there is one every ten seconds, whose `suppressed`
/// counts those that were left out. Safe to use from any thread; a line is written whole.
package struct Logger: Sendable {
    package var level: LogLevel
    package var format: LogFormat
    private let write: @Sendable ([UInt8]) -> Void
    private let limiter: LineLimiter

    package init(
        level: LogLevel, format: LogFormat,
        write: @escaping @Sendable ([UInt8]) -> Void = { Console.standardError.write(line: $0) }
    ) {
        self.init(level: level, format: format, limiter: LineLimiter(), write: write)
    }

    init(level: LogLevel, format: LogFormat, limiter: LineLimiter, write: @escaping @Sendable ([UInt8]) -> Void) {
        self.limiter = limiter
        self.level = level
        self.format = format
        self.write = write
    }

    package func debug(_ message: String, _ fields: LogFields = [:]) { log(.debug, message, fields) }
    package func info(_ message: String, _ fields: LogFields = [:]) { log(.info, message, fields) }
    package func warning(_ message: String, _ fields: LogFields = [:]) { log(.warning, message, fields) }
    package func error(_ message: String, _ fields: LogFields = [:]) { log(.error, message, fields) }

    package func log(_ level: LogLevel, _ message: String, _ fields: LogFields = [:]) {
        guard level >= self.level else { return }
        guard level >= .warning else { return writeLine(level, message, fields) }
        guard let suppressed = limiter.admit(message) else { return }
        var fields = fields
        if suppressed > 0 { fields.append("suppressed", suppressed) }
        writeLine(level, message, fields)
    }

    /// Counts the warnings and errors that were left out because there were many of the kind, where no line has counted
    /// them. For the end.
    package func reportSuppressed() {
        for (message, count) in limiter.takeSuppressed() {
            writeLine(.warning, "lines left out", ["like": message, "suppressed": count])
        }
    }

    private func writeLine(_ level: LogLevel, _ message: String, _ fields: LogFields) {
        let time = Timestamp.now.rfc3339(fractionDigits: 3)
        let line =
            switch format {
            case .text: textLine(level, time, message, fields)
            case .json: jsonLine(level, time, message, fields)
            }
        write(Array((line + "\n").utf8))
    }
}

private func textLine(_ level: LogLevel, _ time: String, _ message: String, _ fields: LogFields) -> String {
    let name = level.rawValue.uppercased()
    // A message of another program may contain a line break, or control a terminal; one event stays one line.
    let isOneLine = !message.contains(where: \.isNewline)
    let message = isOneLine ? message : String(message.map { $0.isNewline ? " " : $0 })
    var line = name + String(repeating: " ", count: 8 - name.count) + time + " " + message.printable()
    for (key, value) in fields.pairs {
        line += " " + key.printable() + "=" + logValue(value.description)
    }
    return line
}

/// In quotes if it is empty, has blanks, quotes or `=`, or characters that are written as escapes.
private func logValue(_ text: String) -> String {
    let needsQuotes = text.unicodeScalars.contains { $0 == " " || $0 == "\"" || $0 == "=" || $0.isUnprintable }
    return needsQuotes || text.isEmpty ? text.json : text
}

private func jsonLine(_ level: LogLevel, _ time: String, _ message: String, _ fields: LogFields) -> String {
    var line = #"{"level":"\#(level.rawValue)","time":"\#(time)","message":\#(message.json)"#
    for (key, value) in fields.pairs {
        line += ",\(key.json):"
        switch value {
        case let number as any BinaryInteger: line += number.description
        case let number as Double where number.isFinite: line += Int64(exactly: number)?.description ?? "\(number)"
        case let bool as Bool: line += bool.description
        default: line += value.description.json
        }
    }
    return line + "}"
}
