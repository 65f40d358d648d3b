import TelemetryBase
import TelemetryHTTPClient

/// The header field with which a server requests a delay.
enum RetryAfter {
    /// The longest delay: a server that asks for more is tried again after it, because its clock, or ours, may be
    /// wrong.
    static let longest = Duration.seconds(3600)

    /// `Retry-After` in seconds, or until an HTTP date (RFC 9110, section 10.2.3), relative to the response's own
    /// `Date`.
    static func wait(_ response: CurlResponse) -> Duration? {
        guard let text = response.header("Retry-After") else { return nil }
        if let seconds = UInt32(text) { return min(.seconds(Int(seconds)), longest) }
        guard let then = Timestamp(httpDate: text) else { return nil }
        let now = response.header("Date").flatMap(Timestamp.init(httpDate:)) ?? .now
        return min(.nanoseconds(max(0, then.nanoseconds.subtractingClamped(now.nanoseconds))), longest)
    }
}
