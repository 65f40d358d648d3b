import TelemetryModels

/// Flux literals. All text from callers is quoted by these functions, so that it cannot become code.
/// Format: https://docs.influxdata.com/flux/v0/spec/lexical-elements/
enum Flux {
    static func string(_ text: String) -> String {
        var out = "\""
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "{" where previous == "$":
                // `${` begins an expression.
                out.removeLast()
                out += "\\${"
            default: out.unicodeScalars.append(scalar)
            }
            previous = scalar
        }
        return out + "\""
    }

    /// A time literal, within the database's range of times.
    static func time(_ time: Timestamp) -> String {
        Timestamp(nanoseconds: min(max(time.nanoseconds, .min + 2), .max - 1)).description
    }

    /// A condition that a column has one of the texts, as they are stored; an empty text is stored as a missing column.
    static func filter(_ column: String, _ texts: [String]) -> String {
        let any = texts.map { $0.isEmpty ? "not exists r.\(column)" : "r.\(column) == \(string($0))" }.joined(
            separator: " or ")
        return " |> filter(fn: (r) => \(any))"
    }
}
