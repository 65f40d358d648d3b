import FaultSupport
import Testing

@testable import TelemetryBase

@Suite("The waits between attempts")
struct BackoffTests {
    @Test("waits double up to the longest, are shortened by at most a half, and begin again after a success")
    func doubles() {
        let table: [(attempt: Int, full: Duration)] = [
            (1, .milliseconds(100)), (2, .milliseconds(200)), (3, .milliseconds(400)), (4, .milliseconds(800)),
            (5, .seconds(1)), (6, .seconds(1)),
        ]
        var random = SeededRandom(seed: 8)
        var backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))
        for _ in 0..<50 {
            for (attempt, full) in table {
                let wait = backoff.next(using: &random)
                #expect(wait >= full / 2 && wait <= full)
                #expect(backoff.attempt == attempt)
            }
            backoff.reset()
            #expect(backoff.attempt == 0)
        }
    }

    @Test("waits are not the same for all who wait, and not shorter than the other side asked for")
    func random() {
        var random = SeededRandom(seed: 8)
        var backoff = Backoff(first: .milliseconds(100), longest: .seconds(2))
        let waits = (0..<40).map { _ in backoff.next(using: &random) }
        #expect(Set(waits.suffix(20)).count > 1)
        #expect(backoff.next(atLeast: .seconds(60), using: &random) == .seconds(60))
        #expect(backoff.next(atLeast: .milliseconds(1)) >= .seconds(1))
    }

    @Test("any number of attempts and any duration give a wait that a timer takes")
    func extremes() {
        var backoff = Backoff(first: .seconds(Int64.max), longest: .seconds(Int64.max))
        for _ in 0..<100 {
            let wait = backoff.next()
            #expect(wait > .zero && wait <= .longestWait)
        }
        var small = Backoff(first: .nanoseconds(1), longest: .seconds(1))
        for _ in 0..<100 { #expect(small.next() <= .seconds(1)) }
    }
}
