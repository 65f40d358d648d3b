import TelemetryBase
import TelemetryHTTPClient

/// The reason why a database did not accept all lines of a write (HTTP 400, 413 or 422).
///
/// It is derived from the text of the response. Docs/InfluxDB.md lists the known texts, with the versions whose source
/// was read:
///
/// - `partial write: points beyond retention policy dropped=N` (1.6.0–1.11.9, 2.0.9–2.7.11);
/// - `partial write: points beyond retention policy or outside permissible write window dropped=N` (1.12.0–1.12.2);
/// - `partial write: dropped N points outside retention policy of duration D - oldest …` (2.7.12, 2.8.0, 2.9.1, 1.12.3,
///   1.12.4), with ` and K points outside write window (…)` after D in 1.12 if the policy has a window.
///
/// In 2.x `failure writing points to database: ` precedes them; 3.x accepts samples of any age. Every other text is
/// treated as a refusal of lines: ``LineTriage`` finds them with a bounded number of requests. These responses contain
/// texts from the data (names of metrics, GPUs and pods), so only their beginning is examined.
struct WriteRefusal: Sendable {
    enum Cause: Sendable, Hashable {
        /// Only samples older than the retention period were omitted.
        case tooOld
        /// Samples older than the retention period, or outside the times that the retention policy accepts, were
        /// omitted: some may be in the future.
        case outsideWindow
        /// Lines are refused.
        case lines
    }

    var status: Int
    /// The message with the database's address and response.
    var message: String
    var cause = Cause.lines
    /// The number of lines that the database reports as omitted, with all others stored; `nil` if it does not report
    /// it.
    var dropped: Int?
    /// The reasons by line number in the body, from 1; from 3.x only, and for at most its first hundred lines.
    var listed: [Int: String] = [:]
}

extension WriteRefusal {
    init(_ response: CurlResponse, message: String) {
        let said = DatabaseHTTP.said(response).text
        self.init(
            status: response.status, message: message, cause: Self.cause(said), dropped: Self.dropped(said),
            listed: Self.listed(response.body))
    }

    /// The text after `partial write: ` if it begins so, with or without the prefix of 2.x.
    private static func partialWrite(_ said: String) -> Substring? {
        var rest = said[...]
        for (prefix, isNeeded) in [("failure writing points to database: ", false), ("partial write: ", true)] {
            if rest.hasPrefix(prefix) { rest = rest.dropFirst(prefix.count) } else if isNeeded { return nil }
        }
        return rest
    }

    /// - Parameter said: The complete message of the database.
    static func cause(_ said: String) -> Cause {
        guard let rest = partialWrite(said) else { return .lines }
        if rest.hasPrefix("points beyond retention policy dropped=") { return .tooOld }
        if rest.hasPrefix("points beyond retention policy or outside permissible write window dropped=") {
            return .outsideWindow
        }
        // `dropped N points outside retention policy of duration D`, then ` - oldest` or ` and K points outside write
        // window`.
        let words = rest.prefix(200).split(separator: " ", omittingEmptySubsequences: false)
        guard words.count > 9, words[0] == "dropped", Int(words[1]) != nil,
            words[2...7].joined(separator: " ") == "points outside retention policy of duration"
        else { return .lines }
        if words[9] == "-" { return .tooOld }
        guard words.count > 14, words[9] == "and", let ahead = Int(words[10]),
            words[11...14].joined(separator: " ") == "points outside write window"
        else { return .lines }
        return ahead == 0 ? .tooOld : .outsideWindow
    }

    /// Parses `partial write: … dropped=2`; similar text from the data comes before it.
    static func dropped(_ said: String) -> Int? {
        guard let rest = partialWrite(said) else { return nil }
        return rest.ranges(of: " dropped=").last.flatMap {
            Int(rest[$0.upperBound...].prefix { $0.isASCII && $0.isNumber })
        }
    }

    /// Parses `{"error":"…","data":[{"original_line":"…","line_number":2,"error_message":"…"}]}`.
    private static func listed(_ body: [UInt8]) -> [Int: String] {
        let found = body.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in
                var reader = JSONReader(bytes)
                var found: [Int: String] = [:]
                try reader.beginObject()
                while let key = try reader.nextKey() {
                    guard key == "data", try reader.peek() == .array else {
                        _ = try reader.skipValue()
                        continue
                    }
                    try reader.beginArray()
                    while try reader.nextElement() {
                        let (number, reason) = try line(&reader)
                        if let number { found[number] = reason }
                    }
                }
                return found
            }
        }
        // A response of another form lists nothing.
        return (try? found.get()) ?? [:]
    }

    private static func line(_ reader: inout JSONReader) throws(JSONError) -> (number: Int?, reason: String) {
        var number: Int64?
        var reason = ""
        try reader.beginObject()
        while let member = try reader.nextKey() {
            if member == "line_number" {
                number = try reader.readInt64()
            } else if member == "error_message" {
                reason = try reader.readString()
            } else {
                _ = try reader.skipValue()
            }
        }
        return (number.flatMap { $0 > 0 ? Int(exactly: $0) : nil }, reason)
    }
}
