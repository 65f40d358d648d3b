/// The date of HTTP header fields (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
extension Timestamp {
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let monthNames = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Parses the only form that a server may send. A year that is out of range is the first or last moment of it.
    /// Returns `nil` if the text has another form.
    package init?(httpDate text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let day = Int64(parts[1]), let year = Int64(parts[3]),
            let month = Timestamp.monthNames.firstIndex(of: String(parts[2]))
        else { return nil }
        let clock = parts[4].split(separator: ":").compactMap { Int64($0) }
        guard clock.count == 3, zip(clock, [23, 59, 60]).allSatisfy({ 0...$1 ~= $0 }), (1...31).contains(day),
            (1...9999).contains(year)
        else { return nil }
        let days = Timestamp.days(year: year, month: Int64(month + 1), day: day)
        let seconds = days * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2]
        self.init(nanoseconds: seconds.multipliedClamped(by: 1_000_000_000))
    }

    /// The date of a moment that is not before 1970, without its fraction of a second.
    package var httpDate: String {
        let seconds = max(0, nanoseconds / 1_000_000_000)
        let date = Timestamp.date(days: seconds / 86_400)
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let day = "\(Timestamp.weekdays[Int(seconds / 86_400 % 7)]), \(two(date.day))"
        let clock = "\(two(seconds / 3_600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
        return "\(day) \(Timestamp.monthNames[Int(date.month) - 1]) \(date.year) \(clock) GMT"
    }
}
