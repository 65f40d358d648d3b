import TelemetryBase
import TelemetryModels

/// MetricsQL literals. All text from callers is quoted by these functions, so that it cannot become code.
enum MetricsQL {
    /// `"…"`: uses the escapes of Go, which include those of JSON.
    static func string(_ text: String) -> String {
        var out = ByteWriter()
        out.appendJSONString(text)
        return String(decoding: out.bytes, as: UTF8.self)
    }

    /// `{db="gpu_telemetry",hostname=~"a|b"}`
    static func selector(_ filter: SampleFilter, database: String) -> String {
        let matchers =
            ["db=" + string(database), matcher("__name__", filter.metricNames)]
            + GPUMember.filters.map { matcher($0.member.name, filter[keyPath: $0.texts]) }
        return "{" + matchers.compactMap { $0 }.joined(separator: ",") + "}"
    }

    /// An expression that binds `meant` to the selector, so that it occurs in the query once.
    static func with(_ selector: String, _ expression: String) -> String { "WITH (meant = \(selector)) \(expression)" }

    /// A missing label matches an empty text, and empty values are stored as missing labels.
    private static func matcher(_ label: String, _ texts: [String]) -> String? {
        switch texts.count {
        case 0: nil
        case 1: label + "=" + string(texts[0])
        default: label + "=~" + string(texts.map(literal).joined(separator: "|"))
        }
    }

    /// A regular expression that matches exactly the text (RE2; the database anchors it).
    private static func literal(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            if "\\.+*?()|[]{}^$".unicodeScalars.contains(scalar) { out += "\\" }
            out.unicodeScalars.append(scalar)
        }
        return out
    }
}

/// Milliseconds since 1970, both ends inclusive.
struct VictoriaRange {
    /// A query whose window begins in the first minutes of 1970 finds nothing: one day is a round lower limit.
    static let earliest: Int64 = 86_400_000
    /// 2100-01-01: later than any sample that the database accepts.
    static let latest: Int64 = 4_102_444_800_000

    var start: Int64
    var end: Int64

    /// `nil` if it contains no time.
    init?(_ start: Timestamp?, _ end: Timestamp?) {
        // The first and the last whole millisecond within.
        let first = start.map { -(-max($0.nanoseconds, -.max)).flooredDivision(by: 1_000_000) } ?? .min
        let last = end.map { $0.nanoseconds.flooredDivision(by: 1_000_000) } ?? .max
        self.start = max(first, Self.earliest)
        self.end = min(last, Self.latest)
        if self.start > self.end { return nil }
    }

    /// For a function over the samples of the range, evaluated at its ``end``. The window of MetricsQL excludes its
    /// beginning.
    var window: String { "[\(end - start + 1)ms]" }
}
