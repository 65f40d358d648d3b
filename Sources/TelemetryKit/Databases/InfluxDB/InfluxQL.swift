import TelemetryBase
import TelemetryModels

/// InfluxQL literals. All text from callers is quoted by these functions, so that it cannot become code.
enum InfluxQL {
    /// `'…'`
    static func string(_ text: String) -> String { quoted(text, "'") }
    /// `"…"`
    static func identifier(_ text: String) -> String { quoted(text, "\"") }

    private static func quoted(_ text: String, _ quote: Unicode.Scalar) -> String {
        var out = String(quote)
        for scalar in text.unicodeScalars {
            switch scalar {
            case quote, "\\":
                out += "\\"
                out.unicodeScalars.append(scalar)
            case "\n": out += "\\n"
            default: out.unicodeScalars.append(scalar)
            }
        }
        out.unicodeScalars.append(quote)
        return out
    }

    /// Nanoseconds, within the database's range of times.
    static func time(_ time: Timestamp) -> String { "\(min(max(time.nanoseconds, .min + 2), .max - 1))" }

    /// Literals such as `7d2h3ns` are not needed: nanoseconds cover all durations, but 0 means infinite.
    static func duration(_ duration: Duration?) -> String {
        guard let duration else { return "INF" }
        return "\(max(1, duration.wholeNanoseconds / 1_000_000_000))s"
    }
}
