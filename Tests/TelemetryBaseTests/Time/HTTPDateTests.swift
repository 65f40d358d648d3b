import Foundation
import Testing

@testable import TelemetryBase

@Suite("Dates of HTTP, and times of fixed width")
struct HTTPDateTests {
    @Test("a date is read to the second, and other forms are not")
    func reads() {
        func seconds(_ text: String) -> Int64? { Timestamp(httpDate: text).map { $0.nanoseconds / 1_000_000_000 } }
        #expect(seconds("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        #expect(seconds("Thu, 01 Jan 1970 00:00:00 GMT") == 0)
        #expect(Timestamp(httpDate: "Fri, 31 Dec 9999 23:59:59 GMT") == Timestamp(nanoseconds: .max))
        for text in [
            "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        ] { #expect(Timestamp(httpDate: text) == nil, "\(text)") }
    }

    @Test("what is written is what Foundation writes, and reads back")
    func writes() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        for seconds in stride(from: Int64(0), to: 9_223_372_036, by: 98_765_432) {
            let time = Timestamp(nanoseconds: seconds * 1_000_000_000)
            #expect(time.httpDate == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))))
            #expect(Timestamp(httpDate: time.httpDate) == time)
        }
    }

    @Test("a fixed number of digits is cut and filled up")
    func fixedWidth() {
        let time = Timestamp(nanoseconds: 1_752_871_354_005_999_999)
        #expect(time.rfc3339(fractionDigits: 3) == "2025-07-18T20:42:34.005Z")
        #expect(time.rfc3339(fractionDigits: 0) == "2025-07-18T20:42:34Z")
        #expect(Timestamp(nanoseconds: 0).rfc3339(fractionDigits: 6) == "1970-01-01T00:00:00.000000Z")
        #expect(Timestamp(nanoseconds: -1).rfc3339(fractionDigits: 9) == "1969-12-31T23:59:59.999999999Z")
    }

    @Test("microseconds are rounded up, so that a search by time misses nothing and finds nothing earlier")
    func microseconds() {
        for (nanoseconds, expected) in [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (-1, 0), (-1001, -1)] {
            #expect(Timestamp(nanoseconds: Int64(nanoseconds)).microsecondsRoundedUp == Int64(expected))
        }
        #expect(Timestamp(microseconds: 5).nanoseconds == 5000)
        #expect(Timestamp(microseconds: .max) == Timestamp(nanoseconds: .max))
        #expect(Timestamp(nanoseconds: .max).microsecondsRoundedUp == 9_223_372_036_854_776)
    }

    @Test("a moment is moved by a duration, up to the ends of the range")
    func advanced() {
        #expect(Timestamp(nanoseconds: 5).advanced(by: .nanoseconds(-7)) == Timestamp(nanoseconds: -2))
        #expect(Timestamp(nanoseconds: 5).advanced(by: .seconds(Int64.max)) == Timestamp(nanoseconds: .max))
    }
}
