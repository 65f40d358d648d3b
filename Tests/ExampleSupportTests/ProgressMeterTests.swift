import ExampleSupport
import Testing

@Suite("Progress meter")
struct ProgressMeterTests {
    @Test(
        "a duration is rounded for a person",
        arguments: [
            (0.0, "0s"), (-1, "0s"), (0.0004, "0s"), (0.061373752394915895, "61ms"), (0.9994, "999ms"), (0.9996, "1s"),
            (1.234, "1.23s"),
            (1.5, "1.5s"), (9.999, "10s"), (12.34, "12.3s"), (59.94, "59.9s"), (59.96, "1m 00s"), (200, "3m 20s"),
            (90_000, "1d 01h"),
        ] as [(Double, String)])
    func rounded(seconds: Double, text: String) {
        #expect(Duration.seconds(seconds).roundedText == text)
    }

    @Test("one point in time gives no rate and no time left, but the part that is done")
    func onePoint() {
        var meter = ProgressMeter()
        #expect(meter.perSecond == nil && meter.percent == nil && meter.timeLeft == nil)
        meter.update(done: 10, bytes: 250, of: 1_000, at: .seconds(1))
        #expect(meter.perSecond == nil && meter.percent == 25 && meter.timeLeft == nil)
        meter.update(done: 20, bytes: 500, of: 1_000, at: .seconds(1))
        #expect(meter.perSecond == nil && meter.percent == 50 && meter.timeLeft == nil)
    }

    @Test("the time left is what is left at the rate of late")
    func recentRate() {
        var meter = ProgressMeter(window: .seconds(10))
        // 100 bytes a second for a while, then 10.
        for second in 0...20 { meter.update(done: second * 2, bytes: second * 100, of: 10_000, at: .seconds(second)) }
        #expect(meter.perSecond == 2 && meter.percent == 20 && meter.timeLeft == .seconds(80))
        for second in 21...40 {
            meter.update(done: 40 + second - 20, bytes: 2_000 + (second - 20) * 10, of: 10_000, at: .seconds(second))
        }
        #expect(meter.perSecond == 1 && meter.percent == 22 && meter.timeLeft == .seconds(780))
    }

    @Test("points further apart than the window are still compared")
    func sparsePoints() {
        var meter = ProgressMeter(window: .seconds(10))
        for minute in 0...3 { meter.update(done: minute * 600, bytes: minute * 60, of: 600, at: .seconds(minute * 60)) }
        #expect(meter.perSecond == 10 && meter.timeLeft == .seconds(420))
    }

    @Test("a new pass counts its own bytes; rows go on")
    func passes() {
        var meter = ProgressMeter()
        meter.update(done: 0, bytes: 0, of: 100, pass: 0, at: .seconds(0))
        meter.update(done: 80, bytes: 80, of: 100, pass: 0, at: .seconds(1))
        meter.update(done: 190, bytes: 90, of: 100, pass: 1, at: .seconds(2))
        #expect(meter.perSecond == 95 && meter.percent == 90 && meter.timeLeft == nil)
        meter.update(done: 195, bytes: 95, of: 100, pass: 1, at: .seconds(3))
        #expect(meter.timeLeft == .seconds(1))
    }

    @Test("nothing left is no time, a standstill is no estimate, an unknown size is neither part nor time")
    func edges() {
        var meter = ProgressMeter()
        for second in 0...1 { meter.update(done: 5, bytes: 100, of: 100, at: .seconds(second)) }
        #expect(meter.percent == 100 && meter.timeLeft == .zero && meter.perSecond == 0)
        for second in 2...30 { meter.update(done: 5, bytes: 50, of: 100, at: .seconds(second)) }
        #expect(meter.percent == 50 && meter.timeLeft == nil)
        meter.update(done: 6, bytes: 60, of: 0, at: .seconds(31))
        #expect(meter.percent == nil && meter.timeLeft == nil)
        // A file that grew beyond what it was.
        meter.update(done: 6, bytes: 120, of: 100, at: .seconds(32))
        #expect(meter.percent == 100 && meter.timeLeft == .zero)
    }

    @Test(
        "a time is shown in its two largest units",
        arguments: [
            (0.0, "0s"), (0.4, "0s"), (59.4, "59s"), (59.6, "1m 00s"), (200, "3m 20s"), (3_599, "59m 59s"),
            (3_900, "1h 05m"), (86_399, "23h 59m"),
            (183_600, "2d 03h"),
        ])
    func text(seconds: Double, expected: String) {
        #expect(Duration.seconds(seconds).shortText == expected)
    }
}
