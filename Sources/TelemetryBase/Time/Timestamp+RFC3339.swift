/// The reason why a text is not an RFC 3339 time.
public struct TimestampFormatError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The 0-based byte of the text at which the error was found.
    public var offset: Int
    /// A description of what was expected there.
    public var reason: String

    /// Creates an error at a 0-based byte.
    public init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }

    public var description: String { "not an RFC 3339 time: \(reason) (at byte \(offset))" }
}

extension Timestamp {
    /// Parses `2025-07-18T20:42:34.123456789Z` or the same with an offset such as `+02:00`.
    ///
    /// As RFC 3339 allows, `t`, `z` and a space instead of `T` are accepted. A fraction has at most nine digits, so
    /// that nothing is rounded. Second 60 is refused: a count of nanoseconds cannot represent a leap second, and moving
    /// it to second 59 would merge two moments.
    public init(rfc3339 text: String) throws(TimestampFormatError) {
        var text = text
        var parsed: Result<Timestamp, TimestampFormatError>!
        text.withUTF8 { utf8 in
            do throws(TimestampFormatError) {
                parsed = .success(try Timestamp(rfc3339: UnsafeRawBufferPointer(utf8)))
            } catch {
                parsed = .failure(error)
            }
        }
        self = try parsed.get()
    }

    package init(rfc3339 text: UnsafeRawBufferPointer) throws(TimestampFormatError) {
        guard text.count >= 20 else {
            throw TimestampFormatError(
                offset: text.count, reason: "\(text.count) bytes are too few for YYYY-MM-DDThh:mm:ssZ")
        }
        let year = try Timestamp.digits(text, 0, 4, "year")
        try Timestamp.expect(text, 4, UInt8(ascii: "-"))
        let month = try Timestamp.digits(text, 5, 2, "month")
        try Timestamp.expect(text, 7, UInt8(ascii: "-"))
        let day = try Timestamp.digits(text, 8, 2, "day")
        guard text[10] | 0x20 == UInt8(ascii: "t") || text[10] == UInt8(ascii: " ") else {
            throw TimestampFormatError(offset: 10, reason: "expected T between date and time")
        }
        let hour = try Timestamp.digits(text, 11, 2, "hour")
        try Timestamp.expect(text, 13, UInt8(ascii: ":"))
        let minute = try Timestamp.digits(text, 14, 2, "minute")
        try Timestamp.expect(text, 16, UInt8(ascii: ":"))
        let second = try Timestamp.digits(text, 17, 2, "second")

        guard 1...12 ~= month else { throw TimestampFormatError(offset: 5, reason: "there is no month \(month)") }
        guard day >= 1 && day <= Timestamp.daysInMonth(month, year: year) else {
            throw TimestampFormatError(offset: 8, reason: "month \(month) of \(year) has no day \(day)")
        }
        guard hour <= 23 else { throw TimestampFormatError(offset: 11, reason: "there is no hour \(hour)") }
        guard minute <= 59 else { throw TimestampFormatError(offset: 14, reason: "there is no minute \(minute)") }
        guard second <= 59 else {
            throw TimestampFormatError(
                offset: 17,
                reason: second == 60 ? "second 60 (a leap second) cannot be counted" : "there is no second \(second)")
        }

        var at = 19
        let fraction = try Timestamp.fraction(text, &at)
        let offset = try Timestamp.offset(text, &at)
        guard at == text.count else { throw TimestampFormatError(offset: at, reason: "text after the end of the time") }

        let seconds =
            Timestamp.days(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
        // For negative times the fraction is added to the second, so the product alone may exceed the lower limit.
        let (whole, high) = (seconds + (seconds < 0 ? 1 : 0)).multipliedReportingOverflow(by: 1_000_000_000)
        let (total, low) = whole.addingReportingOverflow(seconds < 0 ? fraction - 1_000_000_000 : fraction)
        guard !high && !low else {
            throw TimestampFormatError(
                offset: 0, reason: "outside 1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z")
        }
        self.init(nanoseconds: total)
    }

    /// Parses `.123` as nanoseconds; 0 if there is no fraction.
    private static func fraction(_ text: UnsafeRawBufferPointer, _ at: inout Int) throws(TimestampFormatError) -> Int64
    {
        guard text[at] == UInt8(ascii: ".") else { return 0 }
        let start = at + 1
        at = start
        var value: Int64 = 0
        while at < text.count, text[at] &- 0x30 <= 9 {
            guard at - start < 9 else {
                throw TimestampFormatError(offset: at, reason: "a fraction has at most 9 digits (nanoseconds)")
            }
            value = value * 10 + Int64(text[at] &- 0x30)
            at += 1
        }
        guard at > start else { throw TimestampFormatError(offset: at, reason: "expected digits after the point") }
        for _ in (at - start)..<9 { value *= 10 }
        return value
    }

    /// Parses `Z` or `+hh:mm` as seconds east of UTC.
    private static func offset(_ text: UnsafeRawBufferPointer, _ at: inout Int) throws(TimestampFormatError) -> Int64 {
        guard at < text.count else {
            throw TimestampFormatError(offset: at, reason: "expected Z or an offset such as +02:00")
        }
        switch text[at] {
        case UInt8(ascii: "Z"), UInt8(ascii: "z"):
            at += 1
            return 0
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            guard at + 6 <= text.count else {
                throw TimestampFormatError(offset: text.count, reason: "an offset is written +hh:mm")
            }
            let hours = try digits(text, at + 1, 2, "offset")
            try expect(text, at + 3, UInt8(ascii: ":"))
            let minutes = try digits(text, at + 4, 2, "offset")
            guard hours <= 23 && minutes <= 59 else {
                throw TimestampFormatError(offset: at, reason: "an offset is at most 23:59")
            }
            let seconds = hours * 3_600 + minutes * 60
            let east = text[at] == UInt8(ascii: "+")
            at += 6
            return east ? seconds : -seconds
        default:
            throw TimestampFormatError(offset: at, reason: "expected Z or an offset such as +02:00")
        }
    }

    @inline(__always)
    private static func digits(
        _ text: UnsafeRawBufferPointer, _ start: Int, _ count: Int, _ name: StaticString
    ) throws(TimestampFormatError) -> Int64 {
        var value: Int64 = 0
        for i in start..<start + count {
            let digit = text[i] &- 0x30
            guard digit <= 9 else { throw TimestampFormatError(offset: i, reason: "expected a digit of the \(name)") }
            value = value &* 10 &+ Int64(digit)
        }
        return value
    }

    @inline(__always)
    private static func expect(_ text: UnsafeRawBufferPointer, _ at: Int, _ byte: UInt8) throws(TimestampFormatError) {
        guard text[at] == byte else {
            throw TimestampFormatError(offset: at, reason: "expected \(Character(UnicodeScalar(byte)))")
        }
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC, with a fraction only if it is not zero: `2025-07-18T20:42:34.5Z`.
    public var description: String {
        String(unsafeUninitializedCapacity: Timestamp.longestText) { write(to: UnsafeMutableRawBufferPointer($0)) }
    }

    /// `1677-09-21T00:12:43.145224192Z`
    package static let longestText = 30

    /// RFC 3339 in UTC with a fixed number of digits after the point, which further digits are cut from:
    /// `2025-07-18T20:42:34.500Z`. For tables and logs, whose columns align then.
    ///
    /// - Parameter fractionDigits: 0 to 9; with 0 there is no point.
    public func rfc3339(fractionDigits: Int) -> String {
        String(unsafeUninitializedCapacity: Timestamp.longestText) {
            write(to: UnsafeMutableRawBufferPointer($0), fractionDigits: fractionDigits)
        }
    }

    /// Writes ``description`` and returns its length. `buffer` has space for ``longestText`` bytes.
    ///
    /// - Parameter fractionDigits: The number of digits after the point; `nil`: without the zeros at the end.
    package func write(to buffer: UnsafeMutableRawBufferPointer, fractionDigits: Int? = nil) -> Int {
        precondition(buffer.count >= Timestamp.longestText && 0...9 ~= fractionDigits ?? 0)
        var seconds = nanoseconds / 1_000_000_000
        var fraction = nanoseconds % 1_000_000_000
        if fraction < 0 {
            fraction += 1_000_000_000
            seconds -= 1
        }
        Timestamp.write(seconds: seconds, to: buffer)
        var count = 19
        let digits = fractionDigits ?? (fraction == 0 ? 0 : 9)
        if digits > 0 {
            buffer[19] = UInt8(ascii: ".")
            Timestamp.put(fraction, 9, at: 20, in: buffer)
            count = 20 + digits
            if fractionDigits == nil { while buffer[count - 1] == 0x30 { count -= 1 } }
        }
        buffer[count] = UInt8(ascii: "Z")
        return count + 1
    }

    /// Writes `1677-09-21T00:12:43`.
    private static func write(seconds: Int64, to buffer: UnsafeMutableRawBufferPointer) {
        var days = seconds / 86_400
        var second = seconds % 86_400
        if second < 0 {
            second += 86_400
            days -= 1
        }
        let date = date(days: days)
        put(date.year, 4, at: 0, in: buffer)
        buffer[4] = UInt8(ascii: "-")
        put(date.month, 2, at: 5, in: buffer)
        buffer[7] = UInt8(ascii: "-")
        put(date.day, 2, at: 8, in: buffer)
        buffer[10] = UInt8(ascii: "T")
        put(second / 3_600, 2, at: 11, in: buffer)
        buffer[13] = UInt8(ascii: ":")
        put(second / 60 % 60, 2, at: 14, in: buffer)
        buffer[16] = UInt8(ascii: ":")
        put(second % 60, 2, at: 17, in: buffer)
    }

    @inline(__always)
    private static func put(_ value: Int64, _ count: Int, at start: Int, in buffer: UnsafeMutableRawBufferPointer) {
        var rest = value
        for i in stride(from: start + count - 1, through: start, by: -1) {
            buffer[i] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
            rest /= 10
        }
    }
}

/// The proleptic Gregorian calendar. Years are counted from 1 March, so that a leap day ends its year
/// and the lengths of the months before it repeat in groups of five (153 days).
extension Timestamp {
    static func daysInMonth(_ month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a date.
    package static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        // 400 years are added so that no division has a negative dividend; they have 146,097 days.
        let y = year + 400 - (month <= 2 ? 1 : 0)
        let monthFromMarch = (month + 9) % 12
        let leapDays = y / 4 - y / 100 + y / 400
        return y * 365 + leapDays + (monthFromMarch * 153 + 2) / 5 + day - 1 - 719_468 - 146_097
    }

    /// The date that is this number of days after 1970-01-01.
    static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let fromMarch = days + 719_468
        let era = fromMarch / 146_097
        let dayOfEra = fromMarch % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (dayOfYear * 5 + 2) / 153
        let day = dayOfYear - (monthFromMarch * 153 + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
    }
}
