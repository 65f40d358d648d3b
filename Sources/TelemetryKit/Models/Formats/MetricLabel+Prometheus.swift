import TelemetryBase

/// The reason why a text is not a list of Prometheus labels.
public struct LabelError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The 0-based byte of the text.
    public var offset: Int
    /// A description of what was found, and what was expected.
    public var reason: String

    public var description: String { "\(reason) at byte \(offset) of the labels" }
}

extension MetricLabel {
    /// The text that ``parse(prometheus:)`` parses to these labels, if their names match its grammar.
    package static func prometheusText(_ labels: [MetricLabel]) -> String {
        var out = ByteWriter()
        for (index, label) in labels.enumerated() {
            if index > 0 { out.append(",") }
            out.append(label.name)
            out.append("=")
            out.appendPrometheusLabelValue(label.value)
        }
        return String(decoding: out.bytes, as: UTF8.self)
    }

    /// Parses labels in the syntax of the Prometheus text format, without braces: `name="value",other="a \"b\""`.
    ///
    /// Names are `[a-zA-Z_][a-zA-Z0-9_]*` and occur once; in values `\\`, `\"` and `\n` are escapes, and all other
    /// characters but a line feed are literal. Blanks around tokens and a comma after the last label are allowed. The
    /// order is kept.
    public static func parse(prometheus text: String) throws(LabelError) -> [MetricLabel] {
        var text = text
        var parsed: Result<[MetricLabel], LabelError>!
        text.withUTF8 { utf8 in
            do throws(LabelError) {
                parsed = .success(try parse(prometheus: UnsafeRawBufferPointer(utf8)))
            } catch {
                parsed = .failure(error)
            }
        }
        return try parsed.get()
    }

    package static func parse(prometheus text: UnsafeRawBufferPointer) throws(LabelError) -> [MetricLabel] {
        var strings = StringInterner()
        return try parse(prometheus: text, &strings)
    }

    package static func parse(prometheus text: UnsafeRawBufferPointer, _ strings: inout StringInterner)
        throws(LabelError) -> [MetricLabel]
    {
        var labels: [MetricLabel] = []
        labels.reserveCapacity(10)
        // For a few, comparing is faster; for many it would take quadratic time.
        var known: Set<ByteText> = []
        var at = 0
        while true {
            skipBlanks(text, &at)
            if at == text.count { return labels }
            let nameStart = at
            let name = try readName(text, &at, &strings)
            // Different names usually differ in length.
            if labels.count == 32 { known = Set(labels.map { ByteText($0.name) }) }
            let isNew =
                labels.count < 32
                ? !labels.contains { $0.name.hasBytes(of: name) } : known.insert(ByteText(name)).inserted
            guard isNew else {
                throw LabelError(offset: nameStart, reason: "label \(abbreviated(name)) occurs twice")
            }
            skipBlanks(text, &at)
            guard at < text.count, text[at] == UInt8(ascii: "=") else {
                throw LabelError(offset: at, reason: "expected = after label \(abbreviated(name))")
            }
            at += 1
            skipBlanks(text, &at)
            labels.append(MetricLabel(name: name, value: try readValue(text, &at, of: name, &strings)))
            skipBlanks(text, &at)
            if at == text.count { return labels }
            guard text[at] == UInt8(ascii: ",") else {
                throw LabelError(offset: at, reason: "expected a comma after the value of \(abbreviated(name))")
            }
            at += 1
        }
    }

    private static func skipBlanks(_ text: UnsafeRawBufferPointer, _ at: inout Int) {
        while at < text.count, text[at] == UInt8(ascii: " ") || text[at] == UInt8(ascii: "\t") { at += 1 }
    }

    private static func readName(
        _ text: UnsafeRawBufferPointer, _ at: inout Int, _ strings: inout StringInterner
    ) throws(LabelError) -> String {
        let start = at
        while at < text.count {
            switch text[at] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): break
            case UInt8(ascii: "0")...UInt8(ascii: "9") where at > start: break
            default:
                guard at > start else { throw LabelError(offset: at, reason: "expected a label name") }
                return strings.string(UnsafeRawBufferPointer(rebasing: text[start..<at]))!
            }
            at += 1
        }
        return strings.string(UnsafeRawBufferPointer(rebasing: text[start..<at]))!
    }

    private static func readValue(
        _ text: UnsafeRawBufferPointer, _ at: inout Int, of name: String, _ strings: inout StringInterner
    ) throws(LabelError) -> String {
        guard at < text.count, text[at] == UInt8(ascii: "\"") else {
            throw LabelError(offset: at, reason: "expected a quote before the value of \(abbreviated(name))")
        }
        at += 1
        let start = at
        // The text before the first escape is copied when the escape is found: usually there is none.
        var value: [UInt8]?
        while at < text.count {
            switch text[at] {
            case UInt8(ascii: "\""):
                defer { at += 1 }
                let unescaped = UnsafeRawBufferPointer(rebasing: text[start..<at])
                guard let string = value.map({ String(validating: $0, as: UTF8.self) }) ?? strings.string(unescaped)
                else {
                    throw LabelError(offset: start, reason: "the value of \(abbreviated(name)) is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"):
                guard at + 1 < text.count else {
                    throw LabelError(offset: at, reason: "the value of \(abbreviated(name)) is not closed")
                }
                if value == nil { value = Array(text[start..<at]) }
                switch text[at + 1] {
                case UInt8(ascii: "\\"): value!.append(UInt8(ascii: "\\"))
                case UInt8(ascii: "\""): value!.append(UInt8(ascii: "\""))
                case UInt8(ascii: "n"): value!.append(UInt8(ascii: "\n"))
                default:
                    throw LabelError(
                        offset: at, reason: "only \\\\, \\\" and \\n are escapes in the value of \(abbreviated(name))")
                }
                at += 2
            case UInt8(ascii: "\n"):
                throw LabelError(
                    offset: at, reason: "a line feed in the value of \(abbreviated(name)) must be written as \\n")
            default:
                value?.append(text[at])
                at += 1
            }
        }
        throw LabelError(offset: at, reason: "the value of \(abbreviated(name)) is not closed")
    }
}
