import TelemetryBase
import Testing

@Suite("Numbers of any size")
struct ClampingTests {
    private static let numbers: [Int8] = [.min, .min + 1, -100, -2, -1, 0, 1, 2, 100, .max - 1, .max]

    @Test("a sum, a difference and a product are what they are, or the nearest number that fits")
    func arithmetic() {
        for a in Self.numbers {
            for b in Self.numbers {
                #expect(a.addingClamped(b) == Int8(clamping: Int(a) + Int(b)))
                #expect(a.subtractingClamped(b) == Int8(clamping: Int(a) - Int(b)))
                #expect(a.multipliedClamped(by: b) == Int8(clamping: Int(a) * Int(b)))
            }
        }
        var sum = Int.max - 1
        sum.addClamped(1)
        sum.addClamped(1)
        #expect(sum == .max)
    }

    @Test("a Double becomes its whole part, or the nearest number that fits")
    func doubles() {
        for (value, expected) in [
            (0.0, 0), (-0.0, 0), (1.9, 1), (-1.9, -1), (9e18, 9_000_000_000_000_000_000), (1e300, .max), (-1e300, .min),
            (.infinity, .max),
            (-.infinity, .min), (.nan, 0), (0x1p63, .max), (-0x1p63, .min),
        ] as [(Double, Int)] {
            #expect(Int(clamping: value) == expected, "\(value)")
        }
    }

    @Test("the whole units of a duration are counted, or are the most that fit; a wait is not longer than 136 years")
    func durations() {
        let longest = Duration.seconds(Int64.max) * 18
        for (duration, nanoseconds, microseconds, milliseconds) in [
            (.zero, 0, 0, 0), (.nanoseconds(-1), -1, 0, 0), (.milliseconds(1500), 1_500_000_000, 1_500_000, 1500),
            (.nanoseconds(Int64.max), .max, Int64.max / 1000, Int64.max / 1_000_000),
            (.seconds(1e12), .max, 1_000_000_000_000_000_000, 1_000_000_000_000_000),
            (.seconds(Int64.max), .max, .max, .max), (longest, .max, .max, .max), (.zero - longest, .min, .min, .min),
        ] as [(Duration, Int64, Int64, Int64)] {
            #expect(duration.wholeNanoseconds == nanoseconds)
            #expect(duration.wholeMicroseconds == microseconds)
            #expect(duration.wholeMilliseconds == milliseconds)
            #expect(duration.boundedWait <= .longestWait && duration.boundedWait <= duration)
        }
    }
}
