import Glibc
import TelemetryBase

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
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var line = ByteWriter(capacity: 256)
        switch format {
        case .text: line.appendLogText(level, now, message, fields)
        case .json: line.appendLogJSON(level, now, message, fields)
        }
        line.append(UInt8(ascii: "\n"))
        write(line.bytes)
    }
}

extension ByteWriter {
    fileprivate mutating func appendLogText(_ level: LogLevel, _ time: timespec, _ message: String, _ fields: LogFields)
    {
        let name = level.rawValue.uppercased()
        append(name)
        for _ in name.count..<8 { append(UInt8(ascii: " ")) }
        append(rfc3339(time))
        append(UInt8(ascii: " "))
        // A message of another program may hold a line break, or what acts on a terminal; one event stays one line.
        let isOneLine = !message.contains(where: \.isNewline)
        appendPrintable(isOneLine ? message : String(message.map { $0.isNewline ? " " : $0 }))
        for (key, value) in fields.pairs {
            append(UInt8(ascii: " "))
            appendPrintable(key)
            append(UInt8(ascii: "="))
            let text = value.description
            if text.isEmpty || text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x22 || $0 == 0x3D || $0 >= 0x7F }) {
                appendLogValue(text)
            } else {
                append(text)
            }
        }
    }

    /// In quotes if it has blanks or quotes, or characters that are written as escapes.
    private mutating func appendLogValue(_ text: String) {
        let asks = text.unicodeScalars.contains { $0.isUnprintable || $0 == " " || $0 == "\"" || $0 == "=" }
        if !asks, !text.isEmpty { append(text) } else { appendPrintableJSONString(text) }
    }

    fileprivate mutating func appendLogJSON(_ level: LogLevel, _ time: timespec, _ message: String, _ fields: LogFields)
    {
        append("{\"level\":\"")
        append(level.rawValue)
        append("\",\"time\":\"")
        append(rfc3339(time))
        append("\",\"message\":")
        appendPrintableJSONString(message)
        for (key, value) in fields.pairs {
            append(UInt8(ascii: ","))
            appendPrintableJSONString(key)
            append(UInt8(ascii: ":"))
            switch value {
            case let number as any BinaryInteger: append(number.description)
            case let number as Double where number.isFinite: appendDouble(number)
            case let bool as Bool: append(bool.description)
            default: appendPrintableJSONString(value.description)
            }
        }
        append(UInt8(ascii: "}"))
    }
}

/// UTC with milliseconds: `2026-01-02T03:04:05.678Z`.
func rfc3339(_ time: timespec) -> String {
    var seconds = time.tv_sec
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ n: Int32) -> String { n < 10 ? "0\(n)" : "\(n)" }
    let milliseconds = String(1000 + time.tv_nsec / 1_000_000).dropFirst()
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(milliseconds)Z"
}
