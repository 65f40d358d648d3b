import TelemetryModels
import TelemetryNet

/// Texts in InfluxQL. Whatever a caller gives goes through these, so that it stays a text.
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

    /// Nanoseconds, within what the database knows of time.
    static func time(_ time: Timestamp) -> String { "\(min(max(time.nanoseconds, .min + 2), .max - 1))" }

    /// `7d2h3ns`-like literals are not needed: nanoseconds say all, but a duration of 0 means infinite.
    static func duration(_ duration: Duration?) -> String {
        guard let duration else { return "INF" }
        return "\(max(1, duration.wholeNanoseconds / 1_000_000_000))s"
    }
}
