import TelemetryModels
import TelemetryNet

/// Texts in MetricsQL. Whatever a caller gives goes through these, so that it stays a text.
enum MetricsQL {
    /// `"…"`: the escapes of Go, of which those of JSON are a part.
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

    /// An expression that says `meant` for the selector, so that it stands in the query once.
    static func with(_ selector: String, _ expression: String) -> String { "WITH (meant = \(selector)) \(expression)" }

    /// A label that is absent matches an empty text, which is how one is stored.
    private static func matcher(_ label: String, _ texts: [String]) -> String? {
        switch texts.count {
        case 0: nil
        case 1: label + "=" + string(texts[0])
        default: label + "=~" + string(texts.map(literal).joined(separator: "|"))
        }
    }

    /// A regular expression that matches the text alone (RE2; the database anchors it).
    private static func literal(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            if "\\.+*?()|[]{}^$".unicodeScalars.contains(scalar) { out += "\\" }
            out.unicodeScalars.append(scalar)
        }
        return out
    }
}

/// Milliseconds since 1970, both ends included.
struct VictoriaRange {
    /// A query whose window begins in the first minutes of 1970 finds nothing: a day is a round bound.
    static let earliest: Int64 = 86_400_000
    /// 2100-01-01: later than any sample that the database takes.
    static let latest: Int64 = 4_102_444_800_000

    var start: Int64
    var end: Int64

    /// `nil` where no time is in it.
    init?(_ start: Timestamp?, _ end: Timestamp?) {
        // The first and the last whole millisecond within.
        let first = start.map { -(-max($0.nanoseconds, -.max)).flooredDivision(by: 1_000_000) } ?? .min
        let last = end.map { $0.nanoseconds.flooredDivision(by: 1_000_000) } ?? .max
        self.start = max(first, Self.earliest)
        self.end = min(last, Self.latest)
        if self.start > self.end { return nil }
    }

    /// For a function over the samples of the range, as a query at its ``end`` gives it. The window of MetricsQL excludes its beginning.
    var window: String { "[\(end - start + 1)ms]" }
}
