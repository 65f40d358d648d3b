import Glibc
import TelemetryHTTPClient
import TelemetryModels

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
        guard let then = secondsSinceEpoch(httpDate: text) else { return nil }
        let now = response.header("Date").flatMap(secondsSinceEpoch(httpDate:)) ?? Int64(time(nil))
        return min(.seconds(max(0, then - now)), longest)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that RFC 9110 allows a server to send.
    static func secondsSinceEpoch(httpDate text: String) -> Int64? {
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", let day = Int64(parts[1]), let year = Int64(parts[3]),
            let month = months.firstIndex(of: String(parts[2]))
        else { return nil }
        let clock = parts[4].split(separator: ":").compactMap { Int64($0) }
        guard clock.count == 3, zip(clock, [23, 59, 60]).allSatisfy({ 0...$1 ~= $0 }), (1...31).contains(day),
            (1...9999).contains(year)
        else { return nil }
        return Timestamp.days(year: year, month: Int64(month + 1), day: day) * 86400 + clock[0] * 3600 + clock[1] * 60
            + clock[2]
    }
}
