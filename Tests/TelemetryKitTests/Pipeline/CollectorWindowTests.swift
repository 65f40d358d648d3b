import Testing

@testable import TelemetryPipeline

@Suite("The groups that a collector writes at one time, and when it tries again")
struct CollectorWindowTests {
    @Test("the position never passes a group that is not done, in whatever order groups are done")
    func window() {
        var random = SeededRandom(seed: 4)
        for _ in 0..<200 {
            var window = CollectorWindow(limit: Int.random(in: 1...5, using: &random))
            var open: [Int: Int64] = [:]
            var (begun, committed) = (Int64(0), Int64(-1))
            for _ in 0..<60 {
                if !window.isFull, Bool.random(using: &random) {
                    open[window.begin(last: CollectorPosition(offset: begun))] = begun
                    begun += 1
                } else if let (number, _) = open.randomElement(using: &random) {
                    open[number] = nil
                    if let offset = window.finish(number)?.offset {
                        #expect(offset > committed)
                        committed = offset
                    }
                    #expect(committed == (open.values.min() ?? begun) - 1)
                }
            }
        }
    }

    @Test("while the store is away all writers wait together, and the first success ends the wait")
    func retriesTogether() {
        var retries = CollectorRetries(Backoff(first: .seconds(1), longest: .seconds(8)))
        #expect(retries.wait(at: .zero) == .zero)
        let first = retries.fail(at: .zero, atLeast: nil)
        #expect(first.attempt == 1 && first.wait >= .seconds(0.5) && first.wait <= .seconds(1))
        // Another that was under way at the time is no further attempt, but what it was asked for counts.
        #expect(retries.fail(at: .zero, atLeast: nil) == first)
        #expect(retries.fail(at: .milliseconds(100), atLeast: .seconds(5)) == (1, .seconds(5)))
        #expect(retries.wait(at: .milliseconds(5_100)) == .zero)
        #expect(retries.fail(at: .milliseconds(5_100), atLeast: nil).attempt == 2)
        #expect(retries.succeed() == 2)
        #expect(retries.wait(at: .milliseconds(5_101)) == .zero && retries.succeed() == 0)
    }
}
