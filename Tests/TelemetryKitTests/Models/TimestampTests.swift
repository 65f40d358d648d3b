import Foundation
import TelemetryKit
import Testing

@Suite("Timestamp")
struct TimestampTests {
    @Test(
        "an RFC 3339 time is read to the nanosecond",
        arguments: [
            ("1970-01-01T00:00:00Z", 0),
            ("2025-07-18T20:42:34Z", 1_752_871_354_000_000_000),
            ("2025-07-18t20:42:34z", 1_752_871_354_000_000_000),
            ("2025-07-18 20:42:34Z", 1_752_871_354_000_000_000),
            ("2025-07-18T22:42:34+02:00", 1_752_871_354_000_000_000),
            ("2025-07-18T13:42:34-07:00", 1_752_871_354_000_000_000),
            ("2025-07-18T20:42:34-00:00", 1_752_871_354_000_000_000),
            ("2025-07-18T20:42:34.5Z", 1_752_871_354_500_000_000),
            ("2025-07-18T20:42:34.000000001Z", 1_752_871_354_000_000_001),
            ("2025-07-18T20:42:34.123456789+00:30", 1_752_869_554_123_456_789),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
            ("2000-02-29T23:59:59Z", 951_868_799_000_000_000),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("1677-09-21T00:12:43.145224192Z", Int64.min),
            ("2262-04-11T23:47:16.854775807Z", Int64.max),
        ] as [(String, Int64)])
    func reads(text: String, nanoseconds: Int64) throws {
        #expect(try Timestamp(rfc3339: text).nanoseconds == nanoseconds)
    }

    @Test(
        "what is not a time is refused with the place and the reason",
        arguments: [
            ("", 0, "too few"),
            ("2025-07-18", 10, "too few"),
            ("2025-07-18T20:42:34", 19, "too few"),
            ("2025/07-18T20:42:34Z", 4, "expected -"),
            ("2O25-07-18T20:42:34Z", 1, "digit of the year"),
            ("2025-00-18T20:42:34Z", 5, "no month 0"),
            ("2025-13-18T20:42:34Z", 5, "no month 13"),
            ("2025-02-29T20:42:34Z", 8, "has no day 29"),
            ("1900-02-29T20:42:34Z", 8, "has no day 29"),
            ("2025-04-31T20:42:34Z", 8, "has no day 31"),
            ("2025-04-00T20:42:34Z", 8, "has no day 0"),
            ("2025-07-18_20:42:34Z", 10, "expected T"),
            ("2025-07-18T24:00:00Z", 11, "no hour 24"),
            ("2025-07-18T20:60:34Z", 14, "no minute 60"),
            ("2025-07-18T20:42:61Z", 17, "no second 61"),
            ("2016-12-31T23:59:60Z", 17, "leap second"),
            ("2025-07-18T20:42:34.Z", 20, "digits after the point"),
            ("2025-07-18T20:42:34.1234567890Z", 29, "at most 9 digits"),
            ("2025-07-18T20:42:34.123", 23, "expected Z"),
            ("2025-07-18T20:42:34X", 19, "expected Z"),
            ("2025-07-18T20:42:34+0200", 24, "+hh:mm"),
            ("2025-07-18T20:42:34+24:00", 19, "at most 23:59"),
            ("2025-07-18T20:42:34Z ", 20, "after the end"),
            ("1677-09-21T00:12:43.145224191Z", 0, "outside"),
            ("2262-04-11T23:47:16.854775808Z", 0, "outside"),
            ("0000-01-01T00:00:00Z", 0, "outside"),
            ("9999-12-31T23:59:59Z", 0, "outside"),
        ])
    func refuses(text: String, offset: Int, reason: String) {
        let error = #expect(throws: TimestampFormatError.self) { try Timestamp(rfc3339: text) }
        #expect(error?.offset == offset)
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }

    @Test("the text is in UTC, with a fraction only where there is one")
    func formats() {
        #expect(Timestamp(nanoseconds: 1_752_871_354_000_000_000).description == "2025-07-18T20:42:34Z")
        #expect(Timestamp(nanoseconds: 1_752_871_354_500_000_000).description == "2025-07-18T20:42:34.5Z")
        #expect(Timestamp(nanoseconds: 1_752_871_354_000_000_010).description == "2025-07-18T20:42:34.00000001Z")
        #expect(Timestamp(nanoseconds: -1).description == "1969-12-31T23:59:59.999999999Z")
        #expect(Timestamp(nanoseconds: .min).description == "1677-09-21T00:12:43.145224192Z")
        #expect(Timestamp(nanoseconds: .max).description == "2262-04-11T23:47:16.854775807Z")
    }

    @Test("any moment survives text and back, and agrees with Foundation's calendar")
    func roundTrip() throws {
        var random = SeededRandom(seed: 1)
        let calendar = ISO8601DateFormatter()
        for _ in 0..<20_000 {
            let time = Timestamp(nanoseconds: Int64(bitPattern: random.next()))
            #expect(try Timestamp(rfc3339: time.description) == time)
        }
        for _ in 0..<2_000 {
            let seconds = Int64.random(in: -9_223_372_036...9_223_372_036, using: &random)
            let text = Timestamp(nanoseconds: seconds * 1_000_000_000).description
            #expect(calendar.date(from: text)?.timeIntervalSince1970 == Double(seconds), "\(text)")
        }
    }

    @Test("now lies between two readings of another clock")
    func now() {
        let before = Date().timeIntervalSince1970
        let now = Double(Timestamp.now.nanoseconds) / 1e9
        let after = Date().timeIntervalSince1970
        #expect(before - 0.001 <= now && now <= after + 0.001)
    }
}
